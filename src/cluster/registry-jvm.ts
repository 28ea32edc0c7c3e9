/**
 * The first compiler and the plain collector: the registry answers a few requests a second, and starts a quarter
 * sooner.
 */
export const registryJvm = '-XX:+UseSerialGC -XX:TieredStopAtLevel=1'
