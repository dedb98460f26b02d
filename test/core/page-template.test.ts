// Templates of pages: whatever is filled in, a template that was accepted gives JSON, in which the
// texts are what they were.

import fc from 'fast-check'
import t from 'tap'
import {
  fillTemplate,
  PLACEHOLDERS,
  templateComplaint,
  type TemplateValues,
} from '../../src/core/page-template.ts'

const texts = PLACEHOLDERS.filter((name) => name !== 'evidence')
const anyValues = fc.record({
  ...Object.fromEntries(texts.map((name) => [name, fc.string({ unit: 'binary' })])),
  evidence: fc.jsonValue(),
}) as unknown as fc.Arbitrary<TemplateValues>

await t.test('every text comes out as it went in, and the evidence as a value', async (t) => {
  const fields = texts.map((name) => `"${name}": "{{${name}}}", "in {{ ${name} }}": 1`)
  const template = `{ ${fields.join(', ')}, "evidence": {{evidence}} }`
  t.equal(templateComplaint(template), null)
  fc.assert(
    fc.property(anyValues, (values) => {
      const filled = JSON.parse(fillTemplate(template, values)) as Record<string, unknown>
      for (const name of texts) {
        if (filled[name] !== values[name]) return false
        if (!(`in ${values[name]}` in filled)) return false
      }
      const { evidence } = JSON.parse(JSON.stringify({ evidence: values.evidence })) as object & {
        evidence?: unknown
      }
      return JSON.stringify(filled.evidence) === JSON.stringify(evidence)
    }),
    { numRuns: 300 },
  )
})

await t.test('a text that looks like a placeholder stays a text', async (t) => {
  const values = Object.fromEntries(PLACEHOLDERS.map((name) => [name, '{{id}}'])) as never
  t.equal(fillTemplate('["{{text}}", "{{ id }}"]', values), '["{{id}}", "{{id}}"]')
})

await t.test(
  'what would not give JSON is refused, and a placeholder that is not known',
  async (t) => {
    for (const template of [
      '',
      '{',
      '{{text}}',
      '"{{evidence}}"',
      "{'text': '{{text}}'}",
      'a={{id}}',
    ]) {
      t.match(templateComplaint(template), /^it must be JSON, with/, template)
    }
    t.match(templateComplaint('"{{Text}}"'), /^{{Text}} is no placeholder: known are action, at, /)
    for (const template of ['{}', '"{{text}}"', '{{evidence}}', '[{"a{{id}}": {{ evidence }}}]']) {
      t.equal(templateComplaint(template), null, template)
    }
  },
)
