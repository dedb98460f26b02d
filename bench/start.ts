// How long is it from the start of the program to its first served request? The built program
// (dist/, as an installed package runs it) and the sources take turns; each start has a fresh state
// directory. The client tries to connect every millisecond from the moment on at which the process
// was started, and the time is that of the last byte of the first answer.

import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { builtDoor } from './lab/built.ts'
import { monotonicMs, sleep } from './lab/clock.ts'
import { endChild, track } from './lab/children.ts'
import { freePort } from './lab/free-port.ts'
import { startOrigin } from './lab/origin.ts'
import { bench, progress } from './lab/report.ts'
import { add, spread } from './lab/statistics.ts'
import { labConfig } from './lab/vertex.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const START_MAX_MS = 300
const GIVE_UP_MS = 20_000

const REQUEST = 'GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'

/** One attempt over a socket of its own: fetch would take a good part of a core from the start. */
function ask(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    let answer = ''
    const socket = connect(port, '127.0.0.1', () => socket.write(REQUEST))
    socket.setEncoding('latin1')
    socket.on('data', (text) => {
      answer += text
    })
    socket.on('error', () => resolve(false)) // nobody listens yet
    socket.on('close', () => resolve(false))
    socket.setTimeout(GIVE_UP_MS, () => socket.destroy())
    socket.on('end', () => {
      socket.destroy()
      resolve(answer.startsWith('HTTP/1.1 200 '))
    })
  })
}

async function firstAnswer(port: number): Promise<void> {
  const giveUp = monotonicMs() + GIVE_UP_MS
  while (!(await ask(port))) {
    if (monotonicMs() > giveUp) throw new Error('Vertex served nothing within 20 s')
    await sleep(1)
  }
}

interface Started {
  /** Until the last byte of the first answer. */
  readonly servedMs: number
  /** Until it says that it is ready: the admin API comes behind the customers. */
  readonly readyMs: number
}

async function startOnce(door: string, originUrl: string): Promise<Started> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-start-'))
  const port = await freePort()
  const config = labConfig({
    ...{ versions: { v1: [originUrl] }, stable: 'v1', threads: 1 },
    more: { listen: `127.0.0.1:${port}` },
  })
  const file = path.join(folder, 'vertex.yaml')
  writeFileSync(file, JSON.stringify(config))
  const at = monotonicMs()
  const child = track(
    spawn(process.execPath, [door, 'run', '-c', file], { stdio: ['ignore', 'pipe', 'ignore'] }),
  )
  const ready = untilReady(child)
  await firstAnswer(port)
  const servedMs = monotonicMs() - at
  await ready
  const readyMs = monotonicMs() - at
  await endChild(child)
  rmSync(folder, { recursive: true, force: true })
  return { servedMs, readyMs }
}

function untilReady({ stdout }: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stdout === null) throw new Error('its output is not read')
    const lines = createInterface({ input: stdout })
    lines.on('line', (line) => {
      if (line.includes('"msg":"ready"')) resolve()
    })
    lines.on('close', () => reject(new Error('Vertex ended before it was ready')))
  })
}

await bench(
  'start',
  { title: 'start to the first served request', runs: 20, limitMs: 300_000 },
  async (runs) => {
    const origin = await startOrigin({ version: 'v1', record: false })
    const doors = {
      built: builtDoor(),
      sources: path.join(ROOT, 'bin', 'vertex.js'),
    }
    const series: Record<string, number[]> = {}
    for (const door of Object.values(doors)) await startOnce(door, origin.url) // files are cached
    for (let run = 1; run <= runs; run++) {
      for (const [name, door] of Object.entries(doors)) {
        const { readyMs, servedMs } = await startOnce(door, origin.url)
        add(series, `${name}, ms`, servedMs)
        add(series, `${name}: ready, ms`, readyMs)
      }
      progress(
        `run ${run}: ${Object.values(series)
          .map((all) => all.at(-1)?.toFixed(0))
          .join(', ')} ms`,
      )
    }
    await origin.end()
    const { max, median, min } = spread(series['built, ms'] ?? [])
    return {
      series,
      checks: [
        {
          what: `the built program serves within ${START_MAX_MS} ms, in the median`,
          value: `${median.toFixed(0)} ms (${min.toFixed(0)} to ${max.toFixed(0)})`,
          pass: median <= START_MAX_MS,
        },
      ],
    }
  },
)
