// Why a request got no answer, in words that an operator can act on. The codes are those of the
// system, of undici and of its parser.

const CLOSED: readonly string[] = ['UND_ERR_SOCKET', 'ECONNRESET', 'EPIPE', 'UND_ERR_CLOSED']
const UNREACHED: readonly string[] = [
  ...['ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ETIMEDOUT'],
]

function codeOf(error: Error): string {
  if (error instanceof AggregateError && error.errors[0] instanceof Error) {
    return codeOf(error.errors[0])
  }
  return (error as NodeJS.ErrnoException).code ?? ''
}

/** Such as `refused the connection (ECONNREFUSED)`; what the target did. */
export function troubleOf(error: Error): string {
  const code = codeOf(error)
  if (code === 'ECONNREFUSED') return `refused the connection (${code})`
  if (UNREACHED.includes(code)) return `cannot be reached (${code})`
  if (CLOSED.includes(code)) return 'closed the connection before its answer was whole'
  if (error.name === 'HTTPParserError') {
    return `answered something that is not HTTP${code.startsWith('HPE_') ? ` (${code})` : ''}`
  }
  if (code === 'UND_ERR_HEADERS_OVERFLOW') return `answered with a head that is too large (${code})`
  return `failed: ${error.message}${code === '' ? '' : ` (${code})`}`
}
