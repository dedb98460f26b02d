// Small readers of field values: whole numbers and comma-separated lists of tokens.

/** Whether the bytes at [from, to) are one or more digits. */
export function isWholeNumber(bytes: Uint8Array, from: number, to: number): boolean {
  if (from >= to) return false
  for (let at = from; at < to; at++) {
    const byte = bytes[at] as number
    if (byte < 0x30 || byte > 0x39) return false
  }
  return true
}

/** The members of a list like `close, TE`: trimmed, lower case, without empty ones. */
export function listTokens(value: string): string[] {
  return value
    .toLowerCase()
    .split(',')
    .map((token) => token.trim())
    .filter((token) => token !== '')
}
