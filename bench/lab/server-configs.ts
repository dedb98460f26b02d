// The configs of nginx, HAProxy and Caddy for what the comparison asks of a proxy. All three get
// what Vertex does by default where they have it: keep-alive on both sides and X-Forwarded-For; and
// what their own manuals advise for it (a pool of connections, logs written in pieces, no temporary
// files). All else is their default. Each runs as one process with one thread on one core.

import { writeFileSync } from 'node:fs'
import path from 'node:path'

/** What a proxy is asked to do with requests. */
export interface Way {
  /** Ports of one app server, or of two: those of stable and candidate. */
  readonly targets: readonly number[]
  /** Percent of the requests that go to the second target. */
  readonly split?: number
  /** The cookie whose value decides on the target. */
  readonly cookie?: string
  /** One route for each of these path prefixes, all to the first target, and none else. */
  readonly prefixes?: readonly string[]
  /** A server with a pool of its own for each of these hosts; all to the first target. */
  readonly hosts?: readonly string[]
  /** Where a line a request goes. */
  readonly logFile?: string
}

export type MakeConfig = (port: number, folder: string) => string

function nginxUpstreams({ hosts, targets, cookie, split }: Way): string {
  const upstream = (name: string, ports: readonly number[]): string => `
      upstream ${name} {
        ${cookie === undefined ? '' : `hash $cookie_${cookie} consistent;`}
        ${ports.map((port) => `server 127.0.0.1:${port};`).join(' ')}
        keepalive 128; keepalive_requests 100000000;
      }`
  if (hosts !== undefined) return hosts.map((_, at) => upstream(`app${at}`, targets)).join('')
  if (split === undefined) return upstream('app', targets)
  return `${upstream('stable', targets.slice(0, 1))}${upstream('candidate', targets.slice(1))}
      split_clients $request_id $chosen { ${split}% candidate; * stable; }`
}

export function nginxConfig(way: Way): MakeConfig {
  const { hosts, split, prefixes, logFile } = way
  const to = split === undefined ? 'app' : '$chosen'
  // Each pool keeps a connection at least; the names of many do not fit into the usual table.
  const connections = hosts === undefined ? 2048 : 50_000
  const many =
    hosts === undefined
      ? ''
      : 'server_names_hash_max_size 65536; server_names_hash_bucket_size 128;'
  // Settings of the server, so that each of many locations inherits them.
  const settings = `proxy_http_version 1.1; proxy_set_header Connection "";
        proxy_set_header X-Forwarded-For $remote_addr;`
  const paths = prefixes?.map((prefix) => `${prefix}/`) ?? ['/']
  const serverOf = (port: number, { name, pool }: { name: string; pool: string }): string => `
      server {
        listen 127.0.0.1:${port}; ${name}
        ${settings}
        ${paths.map((at) => `location ${at} { proxy_pass http://${pool}; }`).join('\n        ')}
      }`
  const servers = hosts?.map((host, at) => ({ name: `server_name ${host};`, pool: `app${at}` }))
  return (port, folder) => `
    daemon off; master_process off; worker_processes 1;
    pid ${folder}/pid; error_log ${folder}/error.log crit;
    ${hosts === undefined ? '' : 'worker_rlimit_nofile 60000;'}
    events { worker_connections ${connections}; }
    http {
      access_log ${logFile === undefined ? 'off' : `${logFile} combined buffer=64k flush=1s`};
      client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
      uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      proxy_max_temp_file_size 0;
      keepalive_requests 100000000;
      ${many}
      ${nginxUpstreams(way)}
      ${(servers ?? [{ name: '', pool: to }]).map((one) => serverOf(port, one)).join('')}
    }`
}

export function haproxyConfig(way: Way): MakeConfig {
  const { targets, split, cookie, prefixes, logFile } = way
  const weights = split === undefined ? [1, 1] : [100 - split, split]
  const servers = targets.map(
    (port, at) => `  server app${at} 127.0.0.1:${port} weight ${weights[at] ?? 1}`,
  )
  const balance = cookie === undefined ? 'roundrobin' : `hash req.cook(${cookie})`
  return (port, folder) => {
    const map = path.join(folder, 'routes.map')
    if (prefixes) writeFileSync(map, prefixes.map((prefix) => `${prefix}/ app\n`).join(''))
    return `
global
  nbthread 1
${logFile === undefined ? '' : '  log stdout format raw local0\n'}
defaults
  mode http
  option forwardfor
  http-reuse always
${logFile === undefined ? '' : '  log global\n  option httplog\n'}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend edge
  bind 127.0.0.1:${port}
  ${prefixes ? `use_backend %[path,map_beg(${map})]` : 'default_backend app'}
backend app
  balance ${balance}
${servers.join('\n')}
`
  }
}

export function caddyConfig(way: Way): MakeConfig {
  const { targets, split, cookie, prefixes, logFile } = way
  const [stable, candidate] = targets.map((port) => `127.0.0.1:${port}`)
  // This Caddy has no weights: the same server named several times is chosen as many times.
  const times = split === undefined ? 1 : Math.round(100 / split) - 1
  const to = [...Array<string>(times).fill(stable ?? ''), ...(candidate ? [candidate] : [])]
  const proxy = `reverse_proxy ${to.join(' ')} {
    ${cookie === undefined ? 'lb_policy random' : 'lb_policy header Cookie'}
    transport http {
      keepalive_idle_conns_per_host 256
    }
  }`
  const log =
    logFile === undefined
      ? ''
      : `log {\n    output file ${logFile} {\n      roll_disabled\n    }\n  }`
  const routes = prefixes?.map((prefix) => `handle ${prefix}/* {\n  ${proxy}\n  }`) ?? [proxy]
  return (port, folder) => `
{
  admin off
  auto_https off
  storage file_system ${folder}
}
:${port} {
  bind 127.0.0.1
  ${log}
  ${routes.join('\n  ')}
}
`
}
