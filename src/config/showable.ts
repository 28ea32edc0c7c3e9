/** What stands in the place of a secret. */
export const redacted = '********'

/** A setting's value as it may be shown: no flag holds a secret, but an address may have a password in it. */
export function showable(text: string): string {
  return text.replaceAll(/([a-z][a-z0-9+.-]*:\/\/)[^/@\s]*@/gi, `$1${redacted}@`)
}
