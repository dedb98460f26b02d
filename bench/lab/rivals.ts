// The proxies that Vertex is measured beside: http-proxy always, nginx and HAProxy where they are
// installed. Each runs as one process with one thread on one core, with keep-alive on both sides.

import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import net from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { onExit, type Pin, startModule, startProgram } from './children.ts'
import { until } from './clock.ts'
import { askChild } from './rpc.ts'

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

/** A port that was free a moment ago, for programs that cannot choose one themselves. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = net.createServer()
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as net.AddressInfo
      server.close(() => resolve(port))
    })
  })
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
  at: { place: Pin; config: (port: number, folder: string) => string; args: string[] },
): Promise<Rival> {
  const folder = mkdtempSync(path.join(tmpdir(), 'vertex-lab-'))
  onExit(() => rmSync(folder, { recursive: true, force: true }))
  const port = await freePort()
  const file = path.join(folder, `${name}.conf`)
  writeFileSync(file, at.config(port, folder))
  const child = startProgram([name, ...at.args, file], { core: at.place.core })
  await until(() => canConnect(port), { what: `${name} listens`, withinMs: 10_000 })
  return { name, port, pid: child.pid ?? -1 }
}

export function startNginx(place: Place): Promise<Rival> {
  const config = (port: number, folder: string): string => `
    daemon off; master_process off; worker_processes 1;
    pid ${folder}/pid; error_log ${folder}/error.log crit;
    events { worker_connections 2048; }
    http {
      access_log off;
      client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
      uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      keepalive_requests 100000000;
      upstream app {
        server 127.0.0.1:${place.originPort}; keepalive 128; keepalive_requests 100000000;
      }
      server {
        listen 127.0.0.1:${port};
        location / {
          proxy_pass http://app; proxy_http_version 1.1; proxy_set_header Connection "";
          proxy_set_header X-Forwarded-For $remote_addr;
        }
      }
    }`
  return startServer('nginx', { place, config, args: ['-c'] })
}

export function startHaproxy(place: Place): Promise<Rival> {
  const config = (port: number): string => `
global
  nbthread 1
defaults
  mode http
  option forwardfor
  http-reuse always
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend edge
  bind 127.0.0.1:${port}
  default_backend app
backend app
  server one 127.0.0.1:${place.originPort}
`
  return startServer('haproxy', { place, config, args: ['-db', '-f'] })
}
