/**
 * Keeps one warning of Node's from our users: kafkajs gives setTimeout a negative time, harmlessly. Others are printed
 * as ever.
 */
export function silenceKafkajsWarning(): void {
  process.removeAllListeners('warning').on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning') process.stderr.write(`${warning.stack ?? warning}\n`)
  })
}
