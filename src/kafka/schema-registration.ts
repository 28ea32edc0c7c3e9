import { RefusedSchemaError } from '../rows/schema-error.ts'
import type { Register } from './registering-client.ts'
import { RegistryRefusedError, RegistryUnreachableError } from './registry-errors.ts'
import { loginFix, type RegistryRequests } from './registry-requests.ts'
import { within } from './time-limit.ts'

export type Compatibility =
  | 'NONE'
  | 'BACKWARD'
  | 'BACKWARD_TRANSITIVE'
  | 'FORWARD'
  | 'FORWARD_TRANSITIVE'
  | 'FULL'
  | 'FULL_TRANSITIVE'

/** A schema is written, not only looked up. */
const registerTimeoutMs = 10_000
/** Attempts that the client says were bad requests, while the registry answers others: then they were. */
const refusedAttempts = 3
/** Attempts that others overtake: the setting is read anew for each, so that one more is enough as a rule. */
const mostRaces = 4
/** What the client calls a setting of the subject that is not the expected one; it exports no class for it. */
const settingDiffers = 'ConfluentSchemaRegistryCompatibilityError'

/** Registers schemas, with @kafkajs/confluent-schema-registry. */
export class SchemaRegistration {
  readonly #requests: RegistryRequests
  /** by the address of the registry */
  readonly #clients = new Map<string, Register>()

  constructor(requests: RegistryRequests) {
    this.#requests = requests
  }

  /** @throws as SchemaRegistry.register */
  async register(
    subject: string,
    schema: string,
    wanted: Compatibility | undefined,
    patienceMs: number | undefined,
  ): Promise<number> {
    let refusals = 0
    let races = 0
    let mayConfigure = true
    const attempt = async (leftMs: number): Promise<number> => {
      // Also shows that the registry answers.
      const set = compatibilityOf(await this.#requests.attempt(...compatibilityQuestion(subject), leftMs))
      const compatibility = set ?? wanted ?? 'BACKWARD'
      const updateConfig = set === undefined && wanted !== undefined && mayConfigure
      const { url } = this.#requests.settings
      const late = () => new RegistryUnreachableError(url, 'registering takes too long')
      const register = await this.#client()
      try {
        const registered = register(schema, { subject, compatibility, updateConfig })
        return await within(Math.min(registerTimeoutMs, leftMs), registered, late)
      } catch (cause) {
        const { status, name, message } = cause as Error & { status?: number }
        // Members that start together all find the subject without a setting. Apicurio lets only one of them make it;
        // and once one has registered, it answers NONE for a subject without one, where the client expects ours.
        const hasRaced = name === settingDiffers || (status === 409 && updateConfig)
        if (hasRaced && ++races < mostRaces) return attempt(leftMs)
        if (status === undefined) throw cause
        // The schema is there, and who may register schemas need not be allowed to set what a subject takes.
        if (status === 403 && updateConfig) {
          mayConfigure = false
          return attempt(leftMs)
        }
        // The client's 400 is a connection that broke, or a bad request.
        if (status >= 500 || status === 429 || (status === 400 && ++refusals < refusedAttempts))
          throw new RegistryUnreachableError(url, message, cause)
        const fix =
          status === 409
            ? `Set the compatibility of subject ${subject} to NONE, or name another topic`
            : status === 401 || status === 403
              ? loginFix
              : 'Check the permissions on the registry, and its log'
        if (status === 422) throw new RefusedSchemaError(subject, message, cause)
        // What it says of a conflict is both schemas, without a line break.
        const answer =
          status === 409
            ? `the subject takes only schemas that are ${compatibility} compatible with earlier ones`
            : message
        throw new RegistryRefusedError(`Registering a schema of ${subject}`, status, answer, fix, cause)
      }
    }
    return this.#requests.patiently(patienceMs, attempt)
  }

  /** The client that registers schemas, where the registry was found last. */
  async #client(): Promise<Register> {
    // Most processes register nothing.
    const { registeringClient } = await import('./registering-client.ts')
    const { base, http } = this.#requests
    const known = this.#clients.get(base)
    if (known !== undefined) return known
    const client = registeringClient(base, http)
    this.#clients.set(base, client)
    return client
  }
}

type Question = readonly [what: string, path: string]

export function compatibilityQuestion(subject: string): Question {
  return [`Reading the compatibility of ${subject}`, `/config/${encodeURIComponent(subject)}`]
}

export function compatibilityOf(answer: unknown): Compatibility | undefined {
  const { compatibilityLevel, compatibility } = (answer ?? {}) as Partial<
    Record<'compatibilityLevel' | 'compatibility', Compatibility>
  >
  return compatibilityLevel ?? compatibility
}
