// What the tests of the SDK have in common: a server that answers as it is told, and the error
// that a call ends with.

import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { inspect } from 'node:util'
import type { Test } from 'tap'

/** A server that answers so, until the test ends; its address. */
export async function serve(t: Test, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  t.teardown(() => {
    server.closeAllConnections()
    server.close()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

/** What a call rejects with. */
export async function errorOf(call: Promise<unknown>): Promise<unknown> {
  try {
    return new Error(`it was answered with ${inspect(await call)}`)
  } catch (error) {
    return error
  }
}
