// What the clients of a measurement ask for. At least 64 heads that differ take turns, as real
// traffic has no two requests alike: with one head repeated, a branch predictor, a cache or a
// hidden class that only ever sees that head makes a parser look better than it is. They differ in
// path, query, agent and accepted types, and so in length. The host is a constant, so that the
// same text goes to each proxy.

export interface Ask {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  /** Of one byte a character, '' for none. */
  readonly body: string
}

export const HEADS = 64
export const LAB_HOST = 'shop.lab.test'
const AGENTS = [
  'curl/8.5.0',
  'Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0',
  'Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 Version/17.5 Safari/605.1.15',
  'okhttp/4.12.0',
  'python-requests/2.32.3',
  'Go-http-client/1.1',
  'ShopApp/7.1 (Android 14; Pixel 8)',
]
const ACCEPTED = ['*/*', 'application/json', 'text/html,application/xhtml+xml;q=0.9,*/*;q=0.8']

/** So many small GETs, no two of the same head. Each has Host and three more fields at least. */
export function smallGets(count = HEADS): Ask[] {
  return Array.from({ length: count }, (_, at) => ({
    method: 'GET',
    path: `/items/${at * 7919}${at % 3 === 0 ? '' : `?page=${at}&sort=price`}`,
    headers: {
      'user-agent': AGENTS[at % AGENTS.length] ?? '',
      accept: ACCEPTED[at % ACCEPTED.length] ?? '*/*',
    },
    body: '',
  }))
}

/** The same with a body of this size. */
export function smallPosts(bytes: number): Ask[] {
  const body = 'b'.repeat(bytes)
  return smallGets().map((ask) => ({
    ...ask,
    method: 'POST',
    headers: { ...ask.headers, 'content-type': 'application/octet-stream' },
    body,
  }))
}

/** GETs of 20 header lines in all, as browsers behind a CDN send them. */
export function longHeads(lines = 20): Ask[] {
  return smallGets().map((ask, at) => {
    const headers: Record<string, string> = {
      ...ask.headers,
      'accept-language': 'en-GB,en;q=0.9,de;q=0.7',
      'accept-encoding': 'gzip, deflate, br, zstd',
      'cache-control': 'max-age=0',
      cookie: `session=${(at * 2654435761).toString(36)}; theme=dark; consent=${at}`,
      referer: `https://${LAB_HOST}/items/${at}`,
    }
    // Host is one of the lines too.
    for (let n = 1; Object.keys(headers).length + 1 < lines; n++) {
      headers[`x-context-${n}`] = `${'value'.repeat(1 + ((at + n) % 4))}-${at}`
    }
    return { ...ask, headers }
  })
}

/** GETs with a cookie of this name, each with another value. */
export function cookieGets(name: string): Ask[] {
  return smallGets().map((ask, at) => ({
    ...ask,
    headers: { ...ask.headers, cookie: `theme=dark; ${name}=k${(at * 40503).toString(36)}` },
  }))
}

/** One GET below each of these prefixes, in an order that has no locality. */
export function routedGets(prefixes: readonly string[]): Ask[] {
  const gets = smallGets(prefixes.length)
  return gets.map((ask, at) => {
    const prefix = prefixes[(at * 7919) % prefixes.length] ?? ''
    return { ...ask, path: prefix + ask.path }
  })
}

/** The bytes of a request's head, without the empty line that ends it. */
export function headOf(ask: Ask): string {
  const length = ask.body === '' ? {} : { 'content-length': String(ask.body.length) }
  const fields = Object.entries({ host: LAB_HOST, ...ask.headers, ...length })
  const lines = fields.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return `${ask.method} ${ask.path} HTTP/1.1\r\n${lines}`
}
