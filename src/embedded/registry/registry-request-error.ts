/** A request that the registry refuses, in the terms of Confluent's API. */
export class RegistryRequestError extends Error {
  /** of HTTP */
  readonly status: number
  readonly errorCode: number

  constructor(errorCode: number, message: string) {
    super(message)
    this.errorCode = errorCode
    this.status = Number(String(errorCode).slice(0, 3))
  }
}

/** The refusals by what they say; messages and codes are those of Confluent's registry. */
export const refusals = {
  subjectNotFound: (subject: string) => new RegistryRequestError(40401, `Subject '${subject}' not found.`),
  versionNotFound: (version: number) => new RegistryRequestError(40402, `Version ${version} not found.`),
  schemaNotFound: (id?: number) =>
    new RegistryRequestError(40403, id === undefined ? 'Schema not found' : `Schema ${id} not found`),
  subjectSoftDeleted: (subject: string) =>
    new RegistryRequestError(40404, `Subject '${subject}' was soft deleted. Set permanent=true to delete permanently`),
  subjectNotSoftDeleted: (subject: string) =>
    new RegistryRequestError(40405, `Subject '${subject}' was not deleted first before being permanently deleted`),
  versionSoftDeleted: (subject: string, version: number) =>
    new RegistryRequestError(
      40406,
      `Subject '${subject}' Version ${version} was soft deleted. Set permanent=true to delete permanently`,
    ),
  versionNotSoftDeleted: (subject: string, version: number) =>
    new RegistryRequestError(
      40407,
      `Subject '${subject}' Version ${version} was not deleted first before being permanently deleted`,
    ),
  compatibilityNotSet: (subject: string) =>
    new RegistryRequestError(40408, `Subject '${subject}' does not have subject-level compatibility configured`),
  modeNotSet: (subject: string) =>
    new RegistryRequestError(40409, `Subject '${subject}' does not have subject-level mode configured`),
  incompatible: (subject: string, differences: readonly string[]) =>
    new RegistryRequestError(
      409,
      `Schema being registered is incompatible with an earlier schema for subject "${subject}", ` +
        `details: [${differences.join(', ')}]`,
    ),
  invalidSchema: (problem: string) => new RegistryRequestError(42201, problem),
  invalidVersion: (version: string) =>
    new RegistryRequestError(
      42202,
      `The specified version '${version}' is not a valid version id. ` +
        'Allowed values are between [1, 2^31-1] and the string "latest"',
    ),
  invalidCompatibility: () =>
    new RegistryRequestError(
      42203,
      'Invalid compatibility level. Valid values are none, backward, forward, full, backward_transitive, ' +
        'forward_transitive, and full_transitive',
    ),
  invalidMode: (mode: string) =>
    new RegistryRequestError(42204, `Invalid mode ${mode}. This registry has READWRITE and READONLY`),
  notPermitted: (problem: string) => new RegistryRequestError(42205, problem),
  referenceExists: (subject: string, version: number) =>
    new RegistryRequestError(
      42206,
      `One or more references exist to the schema {subject=${subject},version=${version}}.`,
    ),
  invalidSubject: (subject: string, problem: string) =>
    new RegistryRequestError(42208, `The specified subject '${subject}' is not a valid subject: ${problem}`),
  /** of a request that is right elsewhere: it must not look as if it had been done */
  lacking: (what: string) => new RegistryRequestError(422, `This registry does not have ${what}`),
} as const
