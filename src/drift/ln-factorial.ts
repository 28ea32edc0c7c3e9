const small = [0]
for (let n = 1; n < 32; n++) small.push(small[n - 1] + Math.log(n))

/** ln n! of a whole number: a table, then Stirling's series, right to the last digits. */
export function lnFactorial(n: number): number {
  if (n < small.length) return small[n]
  const x = n + 1
  const r = 1 / (x * x)
  return (x - 0.5) * Math.log(x) - x + 0.9189385332046728 + (1 / 12 - r * (1 / 360 - r * (1 / 1260))) / x
}
