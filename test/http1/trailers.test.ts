// Which trailers go on: those that nobody could be fooled by.

import t from 'tap'
import { passingTrailers } from '../../src/http1/trailers.ts'

await t.test('trailers that say nothing about the message pass as they came', async (t) => {
  const section = 'grpc-status: 0\r\nX-Checksum: abc\r\nServer-Timing: a;b=":"\r\nEmpty: \r\n'
  t.equal(passingTrailers(section, []), section)
  t.equal(passingTrailers('', []), '')
  t.equal(passingTrailers('A:\t b \xa0\t \r\n', []), 'A: b \xa0\r\n', 'white space goes')
  t.equal(passingTrailers('A: 1\r\nB: 2\r\n', ['a']), 'B: 2\r\n', 'named in Connection')
})

await t.test('those that frame, route, authenticate or control do not', async (t) => {
  const names = [
    ...['Content-Length', 'TRANSFER-ENCODING', 'Connection', 'Trailer', 'Upgrade', 'TE'],
    ...['Host', 'X-Forwarded-For', 'x-forwarded-proto', 'Forwarded', 'Via', 'X-Request-Id'],
    ...['Authorization', 'Proxy-Authorization', 'Cookie', 'Set-Cookie', 'WWW-Authenticate'],
    ...['Content-Type', 'Content-Encoding', 'Content-Range', 'Cache-Control', 'Expect', 'Range'],
    ...[
      'Content_Length',
      'x_forwarded_for',
      'If-None-Match',
      'Location',
      'Date',
      'Age',
      'Vary',
      'Max-Forwards',
    ],
  ]
  for (const name of names) {
    t.equal(passingTrailers(`A: 1\r\n${name}: x\r\nB: 2\r\n`, []), 'A: 1\r\nB: 2\r\n', name)
  }
})
