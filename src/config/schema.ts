// The shape of a config document, once for two readers: the checker, which asks each setting's row
// about its text, and editors, which want JSON Schema with descriptions. Both shapes come from the
// same functions; only what stands at the leaves differs. The interfaces at the end are what is
// left of a document after the check has cut away what is wrong: every part may be missing.

import type { TSchema } from 'typebox'
import { Type } from '../core/json-schema.ts'
import { ADMIN_TOKEN, LIMITS, NODE, TIMEOUTS } from './node-settings.ts'
import { TRUSTED_PROXY, UPGRADE_PROTOCOL } from './node-settings.ts'
import * as evidence from './evidence-settings.ts'
import * as fleet from './fleet-settings.ts'
import * as gate from './gate-settings.ts'
import * as mirror from './mirror-settings.ts'
import * as page from './page-settings.ts'
import * as service from './service-settings.ts'
import * as wire from './wire-settings.ts'
import { type Group, keyOf, type Setting } from './setting.ts'

/** What is put in the place of a setting's value. */
export type Leaf = (row: Setting<unknown>) => TSchema

const strict = { additionalProperties: false }

/** A mapping with the given parts, each of which may be left out. */
function mapping(parts: Record<string, TSchema>, options = {}): TSchema {
  const optional = Object.entries(parts).map(([key, part]) => [key, Type.Optional(part)])
  return Type.Object(Object.fromEntries(optional), { ...strict, ...options })
}

/** A mapping from names that the operator chooses. */
function named(value: TSchema): TSchema {
  return Type.Unsafe({ type: 'object', additionalProperties: value, minProperties: 1 })
}

/** The settings of a group under their keys in the file. */
function keysOf(group: Group, leaf: Leaf): Record<string, TSchema> {
  return Object.fromEntries(Object.values(group).map((row) => [keyOf(row), leaf(row)]))
}

function optionalKeysOf(group: Group, leaf: Leaf): Record<string, TSchema> {
  const parts = Object.entries(keysOf(group, leaf))
  return Object.fromEntries(parts.map(([key, part]) => [key, Type.Optional(part)]))
}

/** One shape when the value is of `type`, else another: clearer mistakes than a union gives. */
function whenType(type: string, shapes: { is: TSchema; not: TSchema }): TSchema {
  // As pairs, because an object literal with the key `then` looks like a promise to linters.
  const pairs = [
    ['if', { type }] as const,
    ['then', shapes.is] as const,
    ['else', shapes.not] as const,
  ]
  return Type.Unsafe(Object.fromEntries<object>(pairs))
}

/** What has to be passed before a raise: items of one kind each, which gates.ts sees to. */
function gateSchema(leaf: Leaf): TSchema {
  const item = mapping(
    {
      synthetic: leaf(gate.GATE_SYNTHETIC),
      command: Type.Array(leaf(gate.GATE_COMMAND), { minItems: 1 }),
      webhook: leaf(gate.GATE_WEBHOOK),
      token_file: leaf(gate.GATE_TOKEN_FILE),
      manual: leaf(gate.GATE_MANUAL),
      mirror: mapping(keysOf(gate.GATE_MIRROR, leaf), { minProperties: 1 }),
      ...keysOf(gate.GATE, leaf),
    },
    { minProperties: 1 },
  )
  return Type.Array(item)
}

/** A `deploy_strategy` block; the same from a file and from the API. */
export function strategySchema(leaf: Leaf): TSchema {
  const observe = Type.Optional(leaf(service.STEP_OBSERVE))
  const gates = Type.Optional(gateSchema(leaf))
  const step = Type.Object({ weight: leaf(service.STEP_WEIGHT), observe, gate: gates }, strict)
  return mapping({
    ...keysOf(service.STRATEGY, leaf),
    gate: gateSchema(leaf),
    steps: Type.Array(step, { minItems: 1 }),
    rollback_trigger: mapping(keysOf(service.TRIGGER, leaf)),
  })
}

/** What can be said about one service, flat or under `services`. */
export function serviceParts(leaf: Leaf): Record<string, TSchema> {
  const match = mapping({ host: leaf(service.MATCH_HOST), path: leaf(service.MATCH_PATH) })
  const targets = Type.Array(leaf(service.TARGET), { minItems: 1 })
  const affinity = mapping(keysOf(service.AFFINITY, leaf), { minProperties: 1, maxProperties: 1 })
  const candidate = Type.Optional(leaf(service.ROUTING.candidate))
  return {
    match: whenType('array', { is: Type.Array(match, { minItems: 1 }), not: match }),
    versions: named(Type.Object({ targets }, strict)),
    routing: Type.Object({ stable: leaf(service.ROUTING.stable), candidate }, strict),
    deploy_strategy: strategySchema(leaf),
    affinity: whenType('string', { is: leaf(service.AFFINITY_WORD), not: affinity }),
    ...keysOf(service.SERVICE, leaf),
    verdict: mapping({
      exclude: Type.Array(leaf(evidence.VERDICT_EXCLUDE)),
      ...keysOf(evidence.VERDICT, leaf),
    }),
    mirror: mapping({
      ...keysOf(mirror.MIRROR, leaf),
      methods: Type.Array(leaf(mirror.MIRROR_METHOD), { minItems: 1 }),
      compare: mapping({
        headers: Type.Array(leaf(mirror.COMPARE_HEADER)),
        ...keysOf(mirror.COMPARE, leaf),
        ignore: Type.Array(leaf(mirror.COMPARE_IGNORE)),
      }),
    }),
    rescue_budget: mapping(keysOf(wire.RESCUE_BUDGET, leaf)),
    replay: mapping(keysOf(wire.REPLAY, leaf)),
    health: mapping(keysOf(wire.HEALTH, leaf)),
    health_check: Type.Object(
      { path: leaf(wire.HEALTH_CHECK_PATH), ...optionalKeysOf(wire.HEALTH_CHECK, leaf) },
      strict,
    ),
  }
}

/** Who receives pages: one webhook in short, or receivers by name, each of one kind. */
function pageSchema(leaf: Leaf): TSchema {
  const { ALERTMANAGER_HEADERS, WEBHOOK_HEADERS } = page
  const webhook = leaf(page.PAGE_WEBHOOK)
  const headers = named(leaf(page.PAGE_HEADER))
  const receiver = mapping(
    {
      webhook: mapping({
        ...keysOf(page.RECEIVER_WEBHOOK, leaf),
        headers: named(leaf(WEBHOOK_HEADERS.header)),
        header_files: named(leaf(WEBHOOK_HEADERS.headerFile)),
      }),
      pagerduty: mapping(keysOf(page.RECEIVER_PAGERDUTY, leaf)),
      slack: mapping(keysOf(page.RECEIVER_SLACK, leaf)),
      alertmanager: mapping({
        ...keysOf(page.RECEIVER_ALERTMANAGER, leaf),
        headers: named(leaf(ALERTMANAGER_HEADERS.header)),
        header_files: named(leaf(ALERTMANAGER_HEADERS.headerFile)),
        labels: named(leaf(page.ALERTMANAGER_LABEL)),
      }),
    },
    { minProperties: 1, maxProperties: 1 },
  )
  return mapping({ webhook, headers, receivers: named(receiver) })
}

/** The nodes that work together, and their Redis. That it is named once is said in fleet.ts. */
function fleetSchema(leaf: Leaf): TSchema {
  const { FLEET_TLS, FLEET_TLS_WORD, SENTINEL } = fleet
  return mapping({
    node: leaf(fleet.FLEET_NODE),
    redis: leaf(fleet.FLEET_REDIS),
    sentinel: Type.Object(
      {
        ...optionalKeysOf(SENTINEL, leaf),
        nodes: Type.Array(leaf(fleet.SENTINEL_NODE), { minItems: 1 }),
      },
      strict,
    ),
    cluster: Type.Array(leaf(fleet.FLEET_CLUSTER), { minItems: 1 }),
    ...keysOf(fleet.FLEET_LOGIN, leaf),
    tls: whenType('object', {
      not: leaf(FLEET_TLS_WORD),
      is: mapping(keysOf(FLEET_TLS, leaf)),
    }),
    prefix: leaf(fleet.FLEET_PREFIX),
  })
}

/** A whole file. What flat and `services` forms exclude of each other is said in load.ts. */
export function documentSchema(leaf: Leaf): TSchema {
  const nodeParts = {
    ...keysOf(NODE, leaf),
    admin_token: leaf(ADMIN_TOKEN),
    timeouts: mapping(keysOf(TIMEOUTS, leaf)),
    limits: mapping(keysOf(LIMITS, leaf)),
    trusted_proxies: Type.Array(leaf(TRUSTED_PROXY)),
    upgrade_protocols: Type.Array(leaf(UPGRADE_PROTOCOL)),
    accept: mapping(keysOf(wire.ACCEPT, leaf)),
    forwarding: mapping(keysOf(wire.FORWARDING, leaf)),
    half_close: leaf(wire.HALF_CLOSE),
    access_log: mapping({
      ...keysOf(wire.ACCESS_LOG, leaf),
      redact: Type.Array(leaf(wire.ACCESS_LOG_REDACT)),
    }),
    page: pageSchema(leaf),
    fleet: fleetSchema(leaf),
  }
  // Which services need no versions is a matter of their routing (config/service.ts).
  const { versions = Type.Any(), routing = Type.Any(), ...rest } = serviceParts(leaf)
  const optional = Object.entries(rest).map(([key, part]) => [key, Type.Optional(part)])
  const one = { versions: Type.Optional(versions), routing, ...Object.fromEntries(optional) }
  const services = named(Type.Object(one, strict))
  return mapping({ ...nodeParts, versions, routing, ...rest, services })
}

/** A mapping of texts. */
export type Texts = Readonly<Record<string, string | undefined>>

export interface GateDocument {
  readonly synthetic?: string
  readonly command?: readonly (string | undefined)[]
  readonly webhook?: string
  readonly token_file?: string
  readonly manual?: string
  readonly mirror?: Texts
  readonly name?: string
  readonly timeout?: string
}

export interface StepDocument {
  readonly weight?: string
  readonly observe?: string
  readonly gate?: readonly (GateDocument | undefined)[]
}

export interface StrategyDocument {
  readonly [key: string]: unknown
  readonly gate?: readonly (GateDocument | undefined)[]
  readonly steps?: readonly (StepDocument | undefined)[]
  readonly rollback_trigger?: Texts
}

export interface ServiceDocument {
  readonly [key: string]: unknown
  readonly match?: Texts | readonly (Texts | undefined)[]
  readonly versions?: Readonly<
    Record<string, { readonly targets?: readonly (string | undefined)[] } | undefined>
  >
  readonly routing?: Texts
  readonly deploy_strategy?: StrategyDocument
  readonly affinity?: string | Texts
  readonly verdict?: Readonly<Record<string, unknown>> & {
    readonly exclude?: readonly (string | undefined)[]
  }
  readonly mirror?: MirrorDocument
  readonly rescue_budget?: Texts
  readonly replay?: Texts
  readonly health?: Texts
  readonly health_check?: Texts
}

export interface MirrorDocument {
  readonly [key: string]: unknown
  readonly methods?: readonly (string | undefined)[]
  readonly compare?: Readonly<Record<string, unknown>> & {
    readonly body?: string
    readonly headers?: readonly (string | undefined)[]
    readonly ignore?: readonly (string | undefined)[]
  }
}

export interface ReceiverPart {
  readonly [key: string]: unknown
  readonly headers?: Texts
  readonly header_files?: Texts
  readonly labels?: Texts
}

export interface PageDocument {
  readonly webhook?: string
  readonly headers?: Texts
  /** By name, each with one kind. */
  readonly receivers?: Readonly<
    Record<string, Readonly<Record<string, ReceiverPart | undefined>> | undefined>
  >
}

export interface SentinelDocument {
  readonly [key: string]: unknown
  readonly nodes?: readonly (string | undefined)[]
  readonly name?: string
}

export interface FleetDocument {
  readonly [key: string]: unknown
  readonly node?: string
  readonly redis?: string
  readonly sentinel?: SentinelDocument
  readonly cluster?: readonly (string | undefined)[]
  readonly db?: string
  readonly tls?: string | Texts
  readonly prefix?: string
}

export interface NodeDocument extends ServiceDocument {
  readonly admin_token?: string
  readonly timeouts?: Texts
  readonly limits?: Texts
  readonly trusted_proxies?: readonly (string | undefined)[]
  readonly upgrade_protocols?: readonly (string | undefined)[]
  readonly accept?: Texts
  readonly forwarding?: Texts
  readonly half_close?: string
  readonly access_log?: Readonly<Record<string, unknown>> & {
    readonly redact?: readonly (string | undefined)[]
  }
  readonly page?: PageDocument
  readonly fleet?: FleetDocument
  readonly services?: Readonly<Record<string, ServiceDocument | undefined>>
}
