// The list of slow attacks: those of slowhttptest, with the arguments that they get, and our own.
// An attack knows how long it lasts, how to begin, and what must have become of its connections at
// its end.

import { type AttackKind, startAttack, startTool } from './slow.ts'

export const CONNECTIONS = 1000

export interface Attack {
  readonly name: string
  readonly seconds: number
  readonly quickSeconds: number
  /** Whether a time limit of Vertex has ended all connections before the attack is over. */
  readonly ends: boolean
  /** Begins it against a URL; the function that is returned ends it and says how it went. */
  begin(url: URL): Promise<() => Promise<string>>
}

type Times = Partial<Pick<Attack, 'seconds' | 'quickSeconds' | 'ends'>>

/** Longer than any of them is let run, so that none ends by itself. */
const TOOL_LIMIT_SECONDS = 600

/** An attack of slowhttptest: a thousand connections within ten seconds. */
function tool(name: string, args: readonly string[], times: Times = {}): Attack {
  const path = args.includes('-X') ? '/big' : '/'
  const limit = String(TOOL_LIMIT_SECONDS)
  const common = ['-c', String(CONNECTIONS), '-r', '100', '-p', '5', '-l', limit]
  return {
    name: `slowhttptest ${name}`,
    seconds: 25,
    quickSeconds: 12,
    ends: false,
    ...times,
    begin: async (url) => {
      const stop = startTool([...args, ...common, '-u', new URL(path, url).href])
      return async () => {
        const { connected, closed, available } = await stop()
        const probes = available ? 'all' : 'not all'
        return `connected ${connected}, closed ${closed}, ${probes} of its probes answered`
      }
    },
  }
}

type Own = Times & { readonly everyMs?: number; readonly reopen?: boolean }

function own(name: string, kind: AttackKind, options: Own = {}): Attack {
  const { everyMs = 100, reopen = false, ...times } = options
  return {
    name,
    seconds: 25,
    quickSeconds: 12,
    ends: false,
    ...times,
    begin: async (url) => {
      const port = Number(url.port)
      const stop = await startAttack({ kind, port, connections: CONNECTIONS, everyMs, reopen })
      return async () => {
        const { opened, closedByProxy, pieces, statuses } = await stop()
        const answers = JSON.stringify(statuses)
        return `opened ${opened}, saw ${closedByProxy} closed, ${pieces} pieces, answers ${answers}`
      }
    },
  }
}

/** They come for 10 s; 10 s is the default time for a head, and closing takes up to 2 s more. */
const HEAD = { seconds: 30, quickSeconds: 25, ends: true }
/** 60 s is the default time for a body's next piece and for a reader; a quick run cannot wait. */
const STALL = { seconds: 85, quickSeconds: 12 }

export const TOOL_ATTACKS: readonly Attack[] = [
  tool('-H, headers', ['-H', '-i', '1', '-x', '24'], HEAD),
  tool('-B, body', ['-B', '-i', '1', '-s', '8192', '-x', '10']),
  tool('-X, read', ['-X', '-n', '1', '-w', '10', '-y', '20', '-z', '5', '-k', '3']),
  tool('-R, ranges', ['-R', '-a', '10', '-b', '3000'], { seconds: 10, quickSeconds: 4 }),
]

export function ownAttacks(quick: boolean): readonly Attack[] {
  const stall = { ...STALL, ends: !quick }
  return [
    own('heads of 28 KiB that grow by a byte', 'long-head', { reopen: true }),
    own('bodies in chunks of a byte', 'dribble', { everyMs: 250 }),
    own('requests ahead, no answer read', 'ahead'),
    own('answers read a byte a second', 'sip', { everyMs: 1000 }),
    own('bodies that stop', 'stalled-body', stall),
    own('answers that nobody reads', 'stalled-read', stall),
    // Again and again, to see whether memory that an attack has taken is used again. The second
    // time it may lie in pieces that others have left.
    own('requests ahead, no answer read, again', 'ahead'),
    own('requests ahead, no answer read, a third time', 'ahead'),
  ]
}
