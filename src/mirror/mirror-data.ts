// What passes between the main thread, the mirror thread and the edge threads: plain data that can
// be posted. The lines of the edge threads end in the mirror thread and carry copies one way.

import type { MessagePort } from 'node:worker_threads'
import type { Credits } from '../board/mirror-credits.ts'
import type { MirrorTally } from '../core/gate.ts'
import type { MirrorCopy, MirrorOrder } from '../core/mirror/order.ts'

export type ToMirror =
  /** What is mirrored of a service from now on; null: nothing. */
  | { readonly do: 'follow'; readonly service: string; readonly order: MirrorOrder | null }
  /** The end of an edge thread's line; it is in the transfer list. */
  | { readonly do: 'edge'; readonly port: MessagePort }

export type FromMirror =
  /**
   * A service's tally has changed; `subject`: of the order that it was counted by (`subjectOf`).
   */
  | { readonly say: 'tally'; readonly subject: string; readonly tally: MirrorTally }
  /** A sentence for the log. */
  | { readonly say: 'note'; readonly text: string }

/** The first message of a line says where its credits are counted. */
export type FromLine = { readonly credits: Credits } | { readonly copies: readonly MirrorCopy[] }
