// The body of a webhook in the operator's own words: JSON with placeholders such as `{{text}}`.
// What is filled in is escaped as JSON is, so that no sentence of ours can break out of its
// quotes; it is filled in once, so that a text which looks like a placeholder stays a text. A
// template that would not give JSON is refused when the file is read, not when somebody must be
// woken.

/** What a template can say. All are texts, to be put between quotes, but `evidence`, a value. */
export const PLACEHOLDERS = [
  'action',
  'at',
  'evidence',
  'id',
  'incident',
  'opened_at',
  'rollout',
  'service',
  'severity',
  'source',
  'text',
  'version',
] as const

export type Placeholder = (typeof PLACEHOLDERS)[number]

export type TemplateValues = Readonly<Record<Exclude<Placeholder, 'evidence'>, string>> & {
  readonly evidence: unknown
}

const PLACEHOLDER = /\{\{\s*([A-Za-z_]+)\s*\}\}/g

/** Everything that a careless template would trip over. */
const AWKWARD = 'a "quoted" \\ line\nwith {{text}} and \u0000'

function isPlaceholder(name: string): name is Placeholder {
  return PLACEHOLDERS.some((known) => known === name)
}

/**
 * The body of a page. Placeholders that are not known stay as they are: see `templateComplaint`.
 */
export function fillTemplate(template: string, values: TemplateValues): string {
  return template.replaceAll(PLACEHOLDER, (whole, name: string) => {
    if (!isPlaceholder(name)) return whole
    const value = values[name]
    const json = JSON.stringify(value ?? null)
    return typeof value === 'string' && name !== 'evidence' ? json.slice(1, -1) : json
  })
}

/** Why a template cannot be used, as the end of «Cannot … as»; null when it can. */
export function templateComplaint(template: string): string | null {
  for (const [, name = ''] of template.matchAll(PLACEHOLDER)) {
    if (!isPlaceholder(name)) {
      return `{{${name}}} is no placeholder: known are ${PLACEHOLDERS.join(', ')}`
    }
  }
  const texts = PLACEHOLDERS.map((name) => [name, AWKWARD])
  const values = { ...Object.fromEntries(texts), evidence: { text: AWKWARD } } as TemplateValues
  try {
    JSON.parse(fillTemplate(template, values))
    return null
  } catch {
    return 'it must be JSON, with {{evidence}} outside and the others inside of quotes'
  }
}
