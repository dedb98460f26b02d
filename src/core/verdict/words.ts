// Numbers as the sentences of a verdict write them.

/** A fraction as percent with as many digits as it needs: 0.05 %, 3.3 %, 100 %. */
export function percent(fraction: number): string {
  const value = fraction * 100
  const digits = value === 0 || value >= 99.95 ? 0 : value < 1 ? 2 : 1
  return `${Number(value.toFixed(digits))} %`
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
