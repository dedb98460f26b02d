// What the nodes tell each other through Redis: published, not kept. What is too large is not sent,
// what is no message of ours is not heard; both are counted and told.

import { readBroadcast, readLetter } from '../core/fleet/heard.ts'
import type { Broadcast, Letter } from '../core/fleet/message.ts'
import { failureSentence } from './advice.ts'
import { together } from './client.ts'
import type { Connection } from './connection.ts'
import type { Keys } from './keys.ts'
import type { FleetOptions } from './options.ts'
import type { Troubles } from './troubles.ts'
import { within } from './within.ts'

/** Answers of an operator's command hold whole views; more than this is a mistake. */
export const MESSAGE_MAX_BYTES = 1024 * 1024
const MENTION_MS = 60_000
const PUBLISH_MS = 1_000
/**
 * Sent and not yet taken by Redis; what is beyond is dropped, as later messages say it again, and
 * who has asked something is told that nobody answers.
 */
const UNDER_WAY_MAX = 1_000

export interface BusOptions {
  readonly connection: Connection
  readonly keys: Keys
  readonly fleet: FleetOptions
  readonly troubles: Troubles
  readonly onBroadcast: (message: Broadcast) => void
  readonly onLetter: (message: Letter) => void
}

export class Bus {
  readonly #options: BusOptions
  #underWay = 0
  #unheard = 0
  #unsent = 0

  constructor(options: BusOptions) {
    this.#options = options
  }

  broadcast(message: Broadcast): void {
    this.#publish(this.#options.keys.everybody, message)
  }

  send(node: string, message: Letter): void {
    this.#publish(this.#options.keys.mailbox(node), message)
  }

  hear(channel: string, text: string): void {
    const { keys, onBroadcast, onLetter } = this.#options
    // Characters and not bytes: it only has to be bounded.
    if (text.length > MESSAGE_MAX_BYTES) return this.#complain(channel)
    if (channel === keys.everybody) {
      const message = readBroadcast(text)
      if (message === null) this.#complain(channel)
      else onBroadcast(message)
    } else {
      const message = readLetter(text)
      if (message === null) this.#complain(channel)
      else onLetter(message)
    }
  }

  #complain(channel: string): void {
    const count = `${++this.#unheard} so far, the last on ${channel}`
    const sentence = `Messages that are none of Vertex are ignored: ${count}`
    this.#options.troubles.mention('unheard', { sentence, forMs: MENTION_MS })
  }

  #publish(channel: string, message: Broadcast | Letter): void {
    const { session } = this.#options.connection
    if (session === null) return
    const text = JSON.stringify(message)
    const bytes = Buffer.byteLength(text)
    if (bytes > MESSAGE_MAX_BYTES) {
      const rule = `a message has at most ${MESSAGE_MAX_BYTES} bytes`
      const sentence = `Cannot send "${message.message}" as ${rule}: it has ${bytes}`
      return this.#options.troubles.mention('too large', { sentence, forMs: MENTION_MS })
    }
    if (this.#underWay >= UNDER_WAY_MAX) {
      const sentence = `Redis is too slow for what the nodes say: ${++this.#unsent} not sent`
      return this.#options.troubles.mention('unsent', { sentence, forMs: MENTION_MS })
    }
    this.#underWay++
    together(session.client)
    within(PUBLISH_MS, session.client.publish(channel, text)).then(
      () => {
        this.#underWay--
        this.#options.troubles.clear('publish')
      },
      (error: unknown) => {
        this.#underWay--
        // That Redis is away is found and told by the heartbeat.
        if (this.#options.connection.session !== session) return
        const { fleet, troubles } = this.#options
        troubles.callFailed(
          'publish',
          failureSentence(error, { ...fleet, action: 'tell the nodes' }),
        )
      },
    )
  }
}
