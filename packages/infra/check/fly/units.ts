const SECONDS = { ms: 0.001, s: 1, m: 60, h: 3_600 }

/** Returns a duration such as `1m30s` in seconds. */
export const secondsOf = (duration: string): number =>
  [...duration.matchAll(/(\d+)(ms|s|m|h)/g)].reduce(
    (sum, [, count, unit]) => sum + Number(count) * SECONDS[unit as keyof typeof SECONDS],
    0,
  )

/** Returns a size such as `2048mb` or `2gb` in MiB; numbers are MiB already. */
export function megabytesOf(size: string | number): number {
  if (typeof size === 'number') return size
  const count = Number.parseInt(size, 10)
  return /gb$/i.test(size) ? count * 1_024 : count
}
