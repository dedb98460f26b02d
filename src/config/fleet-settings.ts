// The table of settings, the part of the fleet: what a node is called among the others, where the
// Redis is through which they agree, and how a node logs in there. The rules of the table stand in
// node-settings.ts.

import type { Address } from './config.ts'
import {
  MOST_DB,
  PASSWORD,
  readRedisAddress,
  readRedisUrl,
  redisUrlObjection,
  USERNAME,
} from './redis-url.ts'
import { count, flag, type Row, type Setting, setting } from './setting.ts'
import { text } from './words.ts'

/** The path of a file, relative to the config. */
function file(name: string, why: string): Setting<string> {
  return text(name, { type: 'file', rule: 'the path of a file', pattern: /^[^\0]+$/, why })
}

function places(name: string, row: Row): Setting<Address> {
  return setting(name, {
    ...row,
    type: 'list of addresses',
    unit: 'host:port',
    rule: 'an address such as redis-1:6379 or [::1]:6379 with a port from 1 to 65535',
    schema: { type: 'string', pattern: ':\\d+$' },
    read: readRedisAddress,
  })
}

/** A user, a password, or the file of one. */
function login(at: string, why: { username: string; password: string }) {
  return {
    username: text(`${at}.username`, {
      type: 'word',
      rule: 'a word of 1 to 128 characters without spaces',
      pattern: USERNAME,
      why: why.username,
    }),
    password: {
      ...text(`${at}.password`, {
        type: 'secret',
        rule: 'a text of 1 to 4096 characters on one line',
        pattern: PASSWORD,
        why: why.password,
      }),
      secret: true,
    },
    passwordFile: file(
      `${at}.password_file`,
      'A file that holds that password; it is read at the start.',
    ),
  } as const
}

export const FLEET_NODE = text('fleet.node', {
  type: 'name',
  rule: '1 to 63 letters, digits, dots, underscores and hyphens that begin with a letter or a digit',
  pattern: /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
  why:
    "This node's name in the fleet: the host's name unless it is written. No two nodes may have " +
    'the same, so two on one host need names of their own.',
})

export const FLEET_REDIS = setting('fleet.redis', {
  type: 'URL',
  unit: '',
  rule:
    'a URL of the form redis://host:port/db or rediss://user:password@host:port/db, in which @, ' +
    '/, ? and # of a user or password are written %40, %2F, %3F and %23',
  secret: true,
  schema: { type: 'string', pattern: '^rediss?://' },
  why:
    'The Redis through which the nodes agree, where it is one server or has one address; rediss ' +
    'means TLS. Port 6379 and database 0 unless written.',
  objection: redisUrlObjection,
  read: readRedisUrl,
})

export const FLEET_CLUSTER = places('fleet.cluster', {
  why: 'Nodes of a Redis Cluster; the others are found through any of them.',
})

export const SENTINEL_NODE = places('fleet.sentinel.nodes', {
  why: 'The sentinels that know which Redis is the master; the first that answers is believed.',
})

export const SENTINEL = {
  name: text('fleet.sentinel.name', {
    default: 'mymaster',
    type: 'word',
    rule: '1 to 128 letters, digits, dots, underscores and hyphens',
    pattern: /^[A-Za-z0-9._-]{1,128}$/,
    why: "What the sentinels call the master. As in Redis's own sentinel.conf.",
  }),
  ...login('fleet.sentinel', {
    username: 'The user for the sentinels; they do not have those of Redis.',
    password: 'The password for the sentinels themselves; most have none.',
  }),
} as const

export const FLEET_LOGIN = {
  db: count('fleet.db', {
    min: '0',
    max: `${MOST_DB}`,
    default: '0',
    why: 'The database in Redis, where it is not in the URL; a Redis Cluster has only this one.',
  }),
  ...login('fleet', {
    username:
      'The user for Redis (its ACL), where it is not in the URL; without one it is `default`.',
    password:
      'The password for Redis, where it is not in the URL; mostly from the environment or a file.',
  }),
} as const

export const FLEET_TLS_WORD = {
  ...flag('fleet.tls', {
    default: 'off',
    why:
      'Whether Redis, and its sentinels, are reached through TLS: on, or a mapping with the files ' +
      'for it. A rediss URL means on.',
  }),
  rule: 'on, off or a mapping such as { ca_file: ca.pem }',
}

export const FLEET_TLS = {
  caFile: file(
    'fleet.tls.ca_file',
    "Certificates in PEM that are trusted instead of the system's, as for a CA of your own.",
  ),
  certFile: file(
    'fleet.tls.cert_file',
    'A certificate of this node in PEM, for a Redis that asks for one.',
  ),
  keyFile: file('fleet.tls.key_file', 'The private key of that certificate, in PEM and unlocked.'),
  serverName: text('fleet.tls.server_name', {
    type: 'host',
    rule: 'a host name without port',
    pattern: /^[A-Za-z0-9_][A-Za-z0-9._-]{0,252}$/,
    why:
      "The name that Redis's certificate must have; the host that is connected to unless it is " +
      'written. Needed where sentinels or a cluster hand out bare IP addresses.',
  }),
} as const

export const FLEET_PREFIX = {
  ...text('fleet.prefix', {
    default: 'vertex:',
    type: 'text',
    rule: '1 to 64 letters, digits, colons, dots, underscores, slashes and hyphens',
    pattern: /^[A-Za-z0-9:._/-]{1,64}$/,
    why: 'What the keys and channels in Redis begin with; another one for each fleet in one Redis.',
  }),
  objection: (value: string) =>
    /[{}]/.test(value)
      ? "braces choose a key's slot in a Redis Cluster, which Vertex does itself"
      : undefined,
}
