// Replays a corpus of raw requests against Vertex: `npm run conformance -- PATH/TO/RUNNER.mjs`.
// Beside the runner lies the corpus's own origin, `echo-origin.mjs PORT`; a real Vertex with
// nothing but its defaults stands in front of it, and the runner, called as `RUNNER PORT --list`,
// sends its requests and judges the answers. This script knows nothing of the cases: what the
// runner prints is printed, and its exit code is ours (1 when a case is lost).

import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { endAll, startProgram } from '../bench/lab/children.ts'
import { sleep } from '../bench/lab/clock.ts'
import { freePort } from '../bench/lab/free-port.ts'
import { startVertex } from '../bench/lab/vertex.ts'

const ORIGIN_START_MS = 10_000
/** 124 cases at the runner's 1.5 s take three minutes when every one of them hangs. */
const RUN_MS = 240_000

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('error', () => resolve(false))
    socket.once('connect', () => {
      resolve(true)
      socket.destroy()
    })
  })
}

async function startOrigin(file: string): Promise<number> {
  const port = await freePort()
  const child = startProgram([process.execPath, file, String(port)])
  child.stderr?.pipe(process.stderr)
  const until = performance.now() + ORIGIN_START_MS
  while (!(await accepts(port))) {
    if (child.exitCode !== null || performance.now() > until) {
      throw new Error(`Cannot start the origin ${file} as nothing accepts on port ${port}`)
    }
    await sleep(20)
  }
  return port
}

/** Runs the corpus; its exit code, or 1 when it took too long. */
function run(runner: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [runner, String(port), '--list'], {
      stdio: ['ignore', 'inherit', 'inherit'],
      timeout: RUN_MS,
    })
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      if (signal !== null) console.error(`The runner ended by ${signal} after ${RUN_MS / 1000} s`)
      resolve(code ?? 1)
    })
  })
}

async function main(): Promise<number> {
  const [given] = process.argv.slice(2)
  if (given === undefined) {
    console.error('Cannot replay a corpus as none is named: npm run conformance -- RUNNER.mjs')
    return 2
  }
  const runner = path.resolve(given)
  const origin = path.join(path.dirname(runner), 'echo-origin.mjs')
  for (const file of [runner, origin]) {
    if (existsSync(file)) continue
    console.error(`Cannot replay the corpus as a file is missing: ${file}`)
    return 2
  }
  const originPort = await startOrigin(origin)
  const vertex = await startVertex({
    listen: '127.0.0.1:0',
    admin: '127.0.0.1:0',
    threads: 1,
    versions: { echo: { targets: [`http://127.0.0.1:${originPort}`] } },
    routing: { stable: 'echo @ 100%' },
  })
  return run(runner, vertex.port)
}

try {
  process.exitCode = await main()
} finally {
  await endAll()
}
