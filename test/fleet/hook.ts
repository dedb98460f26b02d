// Somebody who is asked over HTTP and answers when the test says so: a gate that is open or not, or
// an on-call service that takes pages or refuses them.

import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { TestScope } from './redis-server.ts'

export interface Post {
  readonly body: Readonly<Record<string, unknown>>
  /** How it was answered; 0: the one who asked has gone, or waits. */
  status: number
}

export class Hook {
  readonly posts: Post[] = []
  /** How it answers; `wait`: when it is told another way. */
  #answers: number | 'wait'
  readonly #waiting: { readonly post: Post; readonly answer: ServerResponse }[] = []
  readonly #server: Server

  private constructor(answers: number | 'wait') {
    this.#answers = answers
    this.#server = createServer((asking, answer) => {
      const chunks: Buffer[] = []
      asking.on('data', (chunk: Buffer) => chunks.push(chunk))
      asking.on('end', () => {
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Post['body']
        const post = { body, status: 0 }
        this.posts.push(post)
        this.#waiting.push({ post, answer })
        this.#answerAll()
      })
    })
  }

  static async start(t: TestScope, answers: number | 'wait'): Promise<Hook> {
    const hook = new Hook(answers)
    await new Promise<void>((resolve) => hook.#server.listen(0, '127.0.0.1', resolve))
    t.teardown(async () => {
      hook.#server.closeAllConnections()
      await new Promise((resolve) => hook.#server.close(resolve))
    })
    return hook
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/hook`
  }

  /** From now on, and to those that wait. */
  answer(status: number): void {
    this.#answers = status
    this.#answerAll()
  }

  #answerAll(): void {
    if (this.#answers === 'wait') return
    for (const { answer, post } of this.#waiting.splice(0)) {
      post.status = this.#answers
      answer.writeHead(this.#answers).end()
    }
  }
}
