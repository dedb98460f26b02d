// `vertex status`: the services once, or with -w again and again until interrupted. On a terminal
// the table is redrawn in place; elsewhere one block follows another. While watching, a node that
// cannot be reached is shown as that and asked again, since it is likely to be restarting.

import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import type { ServiceView } from '../core/command.ts'
import type { Context } from './context.ts'
import { EXIT, fail, type Result, success } from './exit.ts'
import { statusText } from './status-table.ts'

const HOME = '\x1b[H'
const CLEAR_BELOW = '\x1b[J'
const CLEAR_LINE_END = '\x1b[K'
/** Another screen, no cursor, and lines that are too long are cut instead of wrapped. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

export interface StatusOptions {
  readonly service: string | undefined
  readonly watch: boolean
  readonly intervalMs: number
  /** How many blocks to show; null for no end. */
  readonly count: number | null
}

async function look(
  { client }: Context,
  service: string | undefined,
): Promise<Result<readonly ServiceView[]>> {
  if (service === undefined) return client.services()
  const one = await client.service(service)
  return one.ok ? success([one.value]) : one
}

function render(services: readonly ServiceView[], { output, colour }: Context): string {
  if (output === 'json') return JSON.stringify({ services })
  return statusText(services, {
    colour,
    width: process.stdout.isTTY ? process.stdout.columns : null,
  })
}

/** Draws over the last block without a moment of emptiness, cut to the size of the screen. */
function redraw(text: string): void {
  const lines = text.split('\n').slice(0, process.stdout.rows - 1)
  const body = lines.map((line) => `${line}${CLEAR_LINE_END}\n`).join('')
  process.stdout.write(`${HOME}${body}${CLEAR_BELOW}`)
}

async function watch(context: Context, options: StatusOptions): Promise<number> {
  const { service, intervalMs, count } = options
  const inPlace = process.stdout.isTTY && context.output === 'table'
  const leave = new AbortController()
  const stop = (): void => leave.abort()
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  if (inPlace) process.stdout.write(ENTER)
  let reached = false
  let last = ''
  try {
    for (let shown = 0; !leave.signal.aborted && shown !== count; shown++) {
      if (shown > 0) await sleep(intervalMs, undefined, { signal: leave.signal })
      const got = await look(context, service)
      if (!got.ok && !(reached && got.exit === EXIT.unreachable)) return fail(got)
      reached = true
      last = got.ok ? render(got.value, context) : got.line
      const stamp = `${new Date().toISOString().slice(11, 19)}  every ${intervalMs / 1000} s`
      if (inPlace) redraw(`${stamp}\n\n${last}`)
      else if (!process.stdout.write(`${last}\n${context.output === 'json' ? '' : '\n'}`)) {
        await once(process.stdout, 'drain', { signal: leave.signal })
      }
    }
  } catch (error) {
    if (!leave.signal.aborted) throw error
  } finally {
    if (inPlace) process.stdout.write(`${LEAVE}${last}\n`)
    process.off('SIGINT', stop)
    process.off('SIGTERM', stop)
  }
  return EXIT.done
}

export async function status(context: Context, options: StatusOptions): Promise<number> {
  if (options.watch) return watch(context, options)
  const got = await look(context, options.service)
  if (!got.ok) return fail(got)
  const text =
    context.output === 'json'
      ? JSON.stringify({ services: got.value }, null, 2)
      : render(got.value, context)
  process.stdout.write(`${text}\n`)
  return EXIT.done
}
