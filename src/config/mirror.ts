// The block `mirror` of a service: its rules, and what in it contradicts itself. Null without the
// block, since mirroring doubles what a candidate is asked and is never done unasked.

import type { MirrorRules } from '../core/mirror/order.ts'
import {
  COMPARE,
  COMPARE_HEADER,
  COMPARE_IGNORE,
  MIRROR,
  MIRROR_METHOD,
} from './mirror-settings.ts'
import type { Report } from './mistake.ts'
import type { MirrorDocument } from './schema.ts'
import { type Setting, valuesFrom } from './setting.ts'

const DEFAULT_METHODS: readonly string[] = ['GET', 'HEAD']
/** Methods whose requests have no body, as a rule. */
const BODILESS: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'DELETE']

/** The rules of a service, or null when nothing is mirrored. */
export function mirrorOf(
  document: MirrorDocument | undefined,
  at: { readonly pointer: string; readonly report: Report },
): MirrorRules | null {
  if (document === undefined) return null
  const { compare } = document
  const { body } = valuesFrom(COMPARE, compare)
  const named = listOf(document.methods, MIRROR_METHOD)
  const rules: MirrorRules = {
    ...valuesFrom(MIRROR, document),
    methods: named.length === 0 ? DEFAULT_METHODS : named,
    headers: listOf(compare?.headers, COMPARE_HEADER),
    compareBody: body,
    ignore: listOf(compare?.ignore, COMPARE_IGNORE),
  }
  reportContradictions(rules, { ...at, document })
  return rules
}

function listOf<T>(texts: readonly (string | undefined)[] | undefined, row: Setting<T>): T[] {
  return [...new Set(texts ?? [])].flatMap((text) => {
    const value = text === undefined ? undefined : row.read(text)
    return value === undefined ? [] : [value]
  })
}

function reportContradictions(
  rules: MirrorRules,
  at: { pointer: string; report: Report; document: MirrorDocument },
): void {
  const pointer = `${at.pointer}/mirror`
  const withBody = rules.methods.filter((method) => !BODILESS.includes(method))
  if (rules.bodies && withBody.length === 0) {
    const rule = `none of the mirrored methods has any: current value is ${rules.methods.join(', ')}`
    at.report(`${pointer}/bodies`, `Cannot mirror bodies as ${rule}`, 'key')
  }
  if (!rules.bodies && withBody.length > 0) {
    const index = at.document.methods?.indexOf(withBody[0]) ?? 0
    const rule = 'its requests have bodies, which are not mirrored: set mirror.bodies, too'
    at.report(`${pointer}/methods/${index}`, `Cannot mirror ${withBody[0]} as ${rule}`)
  }
  if (!rules.compareBody && rules.ignore.length > 0) {
    const rule = 'bodies are not compared: current value of mirror.compare.body is off'
    at.report(`${pointer}/compare/ignore`, `Cannot ignore JSON paths as ${rule}`, 'key')
  }
}
