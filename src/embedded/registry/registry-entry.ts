import type { CompatibilityLevel } from './compatibility-level.ts'
import type { SchemaReference } from './registered-schema.ts'

export type RegistryMode = 'READWRITE' | 'READONLY'

/** A subject's own, or null for what holds for all subjects that have none. */
export type SettingScope = string | null

/** A change of a registry, as its journal keeps it: JSON. */
export type RegistryEntry =
  | {
      readonly kind: 'register'
      readonly subject: string
      readonly version: number
      readonly id: number
      readonly schema: string
      readonly references: readonly SchemaReference[]
      /** versions that had the schema before, and were deleted in the soft way */
      readonly replaced: readonly number[]
    }
  | {
      readonly kind: 'delete'
      readonly subject: string
      readonly versions: readonly number[]
      readonly isPermanent: boolean
    }
  | { readonly kind: 'level'; readonly scope: SettingScope; readonly level: CompatibilityLevel | null }
  | { readonly kind: 'mode'; readonly scope: SettingScope; readonly mode: RegistryMode | null }

/** Keeps what changes a registry. */
export interface RegistryJournal {
  /** Returns when the entry is safe. @throws PipelineError if it cannot be kept: then nothing changes */
  append(entry: RegistryEntry): void
}
