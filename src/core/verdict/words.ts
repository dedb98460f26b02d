// Numbers as the sentences of a verdict write them.

/** A fraction as percent with as many digits as it needs: 0.012 %, 0.05 %, 3.3 %, 100 %. */
export function percent(fraction: number): string {
  const value = fraction * 100
  if (value < 1) return `${Number(value.toPrecision(2))} %`
  return `${Number(value.toFixed(value >= 99.95 ? 0 : 1))} %`
}

/** Microseconds as milliseconds. */
export function milliseconds(us: number): string {
  const value = us / 1000
  return `${Number(value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0))} ms`
}

/** An e-value or its inverse: two significant digits where it is small, whole where it is large. */
export function amount(value: number): string {
  if (value >= 100) return String(Math.round(value))
  return String(Number(value.toPrecision(2)))
}

/** Evidence as people read it: what is far below 1 is nothing, whatever its digits. */
export function score(value: number): string {
  if (value < 0.01) return value === 0 ? '0' : 'below 0.01'
  return value >= 100 ? whole(value) : amount(value)
}

/** A time that somebody waits for: 12 s, 9 min, 3 h, 5 d. */
export function duration(ms: number): string {
  const minutes = ms / 60_000
  if (minutes < 2) return seconds(ms)
  if (minutes < 120) return `${Math.round(minutes)} min`
  return minutes < 2880 ? `${Math.round(minutes / 60)} h` : `${whole(minutes / 1440)} d`
}

export function seconds(ms: number): string {
  const value = Math.max(0, ms) / 1000
  return `${Number(value.toFixed(value < 10 ? 1 : 0))} s`
}

/** A whole number with a comma before each three digits. */
export function whole(value: number): string {
  return String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',')
}

/** `1 request`, `1,240 requests`. */
export function count(times: number, thing: string): string {
  return `${whole(times)} ${thing}${times === 1 ? '' : 's'}`
}
