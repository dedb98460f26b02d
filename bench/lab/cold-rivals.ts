// nginx and HAProxy in front of the cold arms: a host name for each arm, keep-alive to the targets,
// and otherwise their defaults, as a user would have them.

import type { Arm } from './cold.ts'
import { type Rival, startServer } from './rivals.ts'

interface Stage {
  readonly arms: readonly Arm[]
  /** The targets' ports, one for each arm. */
  readonly ports: readonly number[]
}

export function startColdNginx({ arms, ports }: Stage): Promise<Rival> {
  const blocks = (port: number): string =>
    arms
      .map(
        ({ name }, i) => `
      upstream ${name} { server 127.0.0.1:${ports[i]}; keepalive 8; }
      server {
        listen 127.0.0.1:${port}; server_name ${name};
        location / {
          proxy_pass http://${name}; proxy_http_version 1.1; proxy_set_header Connection "";
        }
      }`,
      )
      .join('')
  const config = (port: number, folder: string): string => `
    daemon off; master_process off; worker_processes 1;
    pid ${folder}/pid; error_log ${folder}/error.log crit;
    events { worker_connections 2048; }
    http {
      access_log off; server_names_hash_max_size 4096;
      client_body_temp_path ${folder}; proxy_temp_path ${folder}; fastcgi_temp_path ${folder};
      uwsgi_temp_path ${folder}; scgi_temp_path ${folder};
      ${blocks(port)}
    }`
  return startServer('nginx', { place: {}, config, args: ['-c'] })
}

/** @param reuse HAProxy's `http-reuse`: `safe` is its default, `always` is what others do */
export function startColdHaproxy({ arms, ports }: Stage, reuse: 'safe' | 'always'): Promise<Rival> {
  const backends = arms.map(({ name }, i) => `backend ${name}\n  server one 127.0.0.1:${ports[i]}`)
  const config = (port: number): string => `
global
  nbthread 1
defaults
  mode http
  http-reuse ${reuse}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend edge
  bind 127.0.0.1:${port}
  use_backend %[req.hdr(host)]
${backends.join('\n')}
`
  return startServer('haproxy', { place: {}, config, args: ['-db', '-f'] })
}
