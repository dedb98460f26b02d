// Which trailers may go on. A recipient may merge trailers into the header section, so a field that
// frames, routes or authenticates a message, or says how to read it, must not come in through this
// back door (RFC 9110 section 6.5.1, RFC 7230 section 4.1.2). All others pass, without white space
// around their values; they have been checked byte by byte by then (chunked.ts).

import { trimmed } from './values.ts'

const NOT_AS_TRAILER = new Set([
  // Framing and the connection.
  ...['content-length', 'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection'],
  ...['te', 'trailer', 'upgrade', 'http2-settings'],
  // Routing, and what we say about where a request came from.
  ...['host', 'forwarded', 'via', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host'],
  ...['x-forwarded-port', 'x-real-ip', 'x-request-id', 'max-forwards'],
  // Authentication.
  ...['authorization', 'proxy-authorization', 'proxy-authenticate', 'www-authenticate'],
  ...['authentication-info', 'proxy-authentication-info', 'cookie', 'set-cookie'],
  // How to read the content.
  ...['content-encoding', 'content-type', 'content-range'],
  // What controls a request or an answer.
  ...['cache-control', 'expect', 'pragma', 'range', 'if-match', 'if-none-match', 'if-range'],
  ...['if-modified-since', 'if-unmodified-since', 'age', 'date', 'expires', 'location'],
  ...['retry-after', 'vary', 'warning'],
])

/**
 * The lines of a checked trailer section that may go on, each with its CRLF.
 *
 * @param section lines that a ChunkedDecoder has kept, each with its CRLF, without the empty one
 * @param named names in the message's Connection field, lower case: they go as fields do (RFC 9110
 *   section 7.6.1)
 */
export function passingTrailers(section: string, named: readonly string[]): string {
  if (section === '') return ''
  let out = ''
  for (const line of section.split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon)
    const lower = name.toLowerCase()
    // With underscores it would be the same variable for CGI and its heirs (see fields.ts).
    if (line === '' || NOT_AS_TRAILER.has(lower.replaceAll('_', '-')) || named.includes(lower))
      continue
    out += `${name}: ${trimmed(line.slice(colon + 1))}\r\n`
  }
  return out
}
