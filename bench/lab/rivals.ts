// The proxies that Vertex is measured beside: http-proxy always, nginx and HAProxy where they are
// installed. Each runs as one process with one thread on one core, with keep-alive on both sides.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onExit, type Pin, startModule, startProgram } from './children.ts'
import { until } from './clock.ts'
import { freePort } from './free-port.ts'
import { askChild } from './rpc.ts'
import { haproxyConfig, type MakeConfig, nginxConfig } from './server-configs.ts'

export interface Rival {
  readonly name: string
  readonly port: number
  readonly pid: number
}

interface Place {
  readonly originPort: number
  readonly core: number
}

export function isInstalled(program: string): boolean {
  try {
    execFileSync('sh', ['-c', `command -v ${program}`], { stdio: 'ignore' })
    return true
  } catch {
    return false // `command -v` says so by its exit code
  }
}

export async function startHttpProxy(place: Place): Promise<Rival> {
  const child = startModule(new URL('./http-proxy-process.ts', import.meta.url), place)
  const port = await askChild(child, 'start', { with: `http://127.0.0.1:${place.originPort}` })
  return { name: 'http-proxy', port: Number(port), pid: child.pid ?? -1 }
}

function canConnect(port: number): Promise<true | null> {
  return new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1')
    socket.once('connect', () => resolve(true))
    socket.once('error', () => resolve(null))
    socket.once('connect', () => socket.destroy())
  })
}

/** Starts an installed server with a config of its own, on a port that was free a moment ago. */
export async function startServer(
  name: string,
  at: { place: Pin; config: MakeConfig; args: string[]; logFile?: string },
): Promise<Rival> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-lab-'))
  onExit(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = path.join(folder, `${name}.conf`)
  writeFileSync(file, at.config(port, folder))
  const command = [name, ...at.args, file]
  // A server that logs to its standard output gets a file there; sh replaces itself by it.
  const into = ['sh', '-c', 'exec "$@" >> "$0"', at.logFile ?? '']
  const child = startProgram(at.logFile === undefined ? command : [...into, ...command], {
    core: at.place.core,
  })
  await until(() => canConnect(port), { what: `${name} listens`, withinMs: 10_000 })
  return { name, port, pid: child.pid ?? -1 }
}

export function startNginx(place: Place): Promise<Rival> {
  const config = nginxConfig({ targets: [place.originPort] })
  return startServer('nginx', { place, config, args: ['-c'] })
}

export function startHaproxy(place: Place): Promise<Rival> {
  const config = haproxyConfig({ targets: [place.originPort] })
  return startServer('haproxy', { place, config, args: ['-db', '-f'] })
}
