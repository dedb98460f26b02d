// Node's own HTTP parser (llhttp) as a second reader: bytes in, the messages that it reads out. The
// parser is called directly, without a socket or a server around it, which costs a few microseconds
// a message; test/fuzz/wire.ts has it behind real sockets.

/** What Node hands to its own http module; no types of it are published. */
interface NodeParser {
  initialize(type: number, resource: object, maxHeaderBytes: number, lenient: number): void
  execute(bytes: Buffer): number | ParserError
  finish(): undefined | ParserError
  [callback: number]: unknown
}
interface ParserError extends Error {
  readonly code: string
}
interface NodeParserClass {
  new (): NodeParser
  readonly REQUEST: number
  readonly RESPONSE: number
  readonly kOnHeaders: number
  readonly kOnHeadersComplete: number
  readonly kOnBody: number
  readonly kOnMessageComplete: number
}
interface HttpCommon {
  readonly HTTPParser: NodeParserClass
  readonly methods: readonly string[]
}

const { HTTPParser, methods } = process.getBuiltinModule('_http_common') as HttpCommon

/** The methods that Node knows; it refuses all others. */
export const NODE_METHODS: ReadonlySet<string> = new Set(methods)

export interface ReadMessage {
  /** Of a request, else ''. */
  readonly method: string
  readonly target: string
  /** Of a response, else 0. */
  readonly status: number
  readonly reason: string
  /** Names and values in turn. */
  readonly rawHeaders: readonly string[]
  readonly rawTrailers: readonly string[]
  readonly body: string
  /** The bytes behind the head are another protocol's. */
  readonly upgrade: boolean
}

export interface Reading {
  /** The whole messages. */
  readonly messages: readonly ReadMessage[]
  /** A message has begun and has not ended. */
  readonly open: boolean
  /** The parser's own word for what is wrong; '' when nothing is. */
  readonly fault: string
}

export type Skips = (status: number) => boolean

const MAX_HEAD_BYTES = 1 << 20
const NOTHING: readonly string[] = []
const RESOURCE = {}

class NodeReader {
  readonly #parser = new HTTPParser()
  #messages: ReadMessage[] = []
  #lines: string[] = []
  #open = false
  #headRead = false
  #head: Omit<ReadMessage, 'body' | 'rawTrailers'> | null = null
  #body = ''
  #target = ''
  #skips: Skips | null = null
  /** The parser names a method by a number that is its own secret; it is asked for each once. */
  readonly #methods = new Map<number, string>()

  constructor() {
    const parser = this.#parser
    parser[HTTPParser.kOnHeaders] = (lines: readonly string[], target: string) => {
      this.#lines.push(...lines)
      if (!this.#headRead) this.#target += target
    }
    parser[HTTPParser.kOnHeadersComplete] = this.#onHead.bind(this)
    parser[HTTPParser.kOnBody] = (bytes: Buffer) => {
      this.#body += bytes.toString('latin1')
    }
    parser[HTTPParser.kOnMessageComplete] = () => this.#onEnd()
    for (const method of methods) {
      const { messages } = this.read(
        HTTPParser.REQUEST,
        bytesOf(`${method} /:1 HTTP/1.1\r\n\r\n`),
        null,
      )
      this.#methods.set(Number(messages[0]?.method), method)
    }
  }

  #onHead(
    _major: number,
    _minor: number,
    lines: readonly string[] | undefined,
    method: number | undefined,
    target: string | undefined,
    status: number | undefined,
    reason: string | undefined,
    upgrade: boolean,
  ): number {
    this.#head = {
      method: method === undefined ? '' : (this.#methods.get(method) ?? `${method}`),
      target: target ?? this.#target,
      status: status ?? 0,
      reason: reason ?? '',
      rawHeaders: lines ?? this.#lines,
      upgrade,
    }
    this.#lines = []
    this.#headRead = true
    this.#open = true
    if (upgrade && (this.#skips === null || status === 101)) return 2
    return this.#skips?.(status ?? 0) === true ? 1 : 0
  }

  #onEnd(): void {
    const rawTrailers = this.#lines.length > 0 ? this.#lines : NOTHING
    if (this.#head !== null) this.#messages.push({ ...this.#head, body: this.#body, rawTrailers })
    this.#begin()
  }

  #begin(): void {
    this.#head = null
    this.#headRead = false
    this.#open = false
    this.#body = ''
    this.#target = ''
    this.#lines = []
  }

  read(type: number, bytes: Buffer, skips: Skips | null): Reading {
    this.#messages = []
    this.#skips = skips
    this.#begin()
    this.#parser.initialize(type, RESOURCE, MAX_HEAD_BYTES, 0)
    const read = this.#parser.execute(bytes)
    let fault = typeof read === 'number' ? '' : read.code
    // Only a response may end with its connection.
    if (fault === '' && skips !== null) fault = this.#parser.finish()?.code ?? ''
    return { messages: this.#messages, open: this.#open, fault }
  }
}

const reader = new NodeReader()

function bytesOf(text: string): Buffer {
  return Buffer.from(text, 'latin1')
}

/** Lets Node's parser read all bytes of a client's connection. */
export function readByNode(text: string): Reading {
  return reader.read(HTTPParser.REQUEST, bytesOf(text), null)
}

/**
 * Lets Node's parser read all bytes of a server's connection and its end.
 *
 * @param skips by the status, whether the answer has no body whatever its head says
 */
export function readAnswersByNode(text: string, skips: Skips): Reading {
  return reader.read(HTTPParser.RESPONSE, bytesOf(text), skips)
}
