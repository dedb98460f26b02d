// Nodes of a fleet as processes of their own, and when each has led.

import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import type { TestScope } from './redis-server.ts'

/** Milliseconds between two lines of one process that still belong together. */
const GAP_MS = 100

export interface Reign {
  readonly node: string
  readonly lease: number
  readonly fromMs: number
  toMs: number
}

export class Holder {
  readonly node: string
  readonly child: ChildProcess
  readonly reigns: Reign[] = []

  constructor(t: TestScope, { node, port }: { node: string; port: number }) {
    this.node = node
    const program = join(import.meta.dirname, 'holder-process.ts')
    this.child = spawn(process.execPath, [program, node, String(port)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    t.teardown(() => this.kill())
    let rest = ''
    this.child.stdout?.on('data', (bytes: Buffer) => {
      const lines = (rest + bytes.toString()).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) this.#read(line)
    })
  }

  /** It has said so within the last moments. */
  get leadsNow(): boolean {
    const nowMs = Number(process.hrtime.bigint()) / 1e6
    return nowMs - (this.reigns.at(-1)?.toMs ?? 0) < GAP_MS
  }

  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise((resolve) => this.child.on('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }

  #read(line: string): void {
    const [at, lease] = line.split(' ').map(Number)
    const ms = (at ?? 0) / 1e6
    const last = this.reigns.at(-1)
    if (last !== undefined && last.lease === lease && ms - last.toMs < GAP_MS) last.toMs = ms
    else this.reigns.push({ node: this.node, lease: lease ?? 0, fromMs: ms, toMs: ms })
  }
}
