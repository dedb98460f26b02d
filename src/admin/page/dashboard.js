// The dashboard: what `vertex status -w` shows, in a browser. It asks the admin API once a second
// and draws the answer; it only looks and never changes anything. All text goes in as text, never
// as HTML.

const POLL_MS = 1000
const HISTORY = 120
const DECISIONS_SHOWN = 25
const KINDS =
  'start,config,rollout,raise,weight,hold,pause,resume,promoted,aborted,rolled-back,quarantine,retry,targets,target,thread,page'
const HEAD = [
  '',
  'version',
  'weight',
  'req/s',
  'errors',
  'p50',
  'p90',
  'p99',
  'in flight',
  'targets',
  '2 min',
]
const TONES = { promoted: 'good', 'rolled-back': 'bad', aborted: 'bad', quarantine: 'bad' }

const byId = (id) => document.getElementById(id)

/** Requests and errors a second by service and version, newest last. */
const history = new Map()
const decisions = []
let lastSeq = null

function element(name, options = {}, children = []) {
  const { text, tone, ...attributes } = options
  const made = document.createElement(name)
  if (text !== undefined) made.textContent = text
  if (tone !== undefined) made.className = tone
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value)
  made.append(...children)
  return made
}

const percent = (value) => `${Number(value.toFixed(2))} %`
const milliseconds = (value) =>
  value === null ? '–' : `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ms`

function remember(service, { version, stats }) {
  const key = `${service}\n${version}`
  const points = history.get(key) ?? []
  points.push({ rate: stats.rate, errors: stats.rate * stats.errorRate })
  history.set(key, points.slice(-HISTORY))
  return history.get(key)
}

/** Requests a second as a line, errors a second below it in red, on one scale. */
function sparkline(points) {
  const width = 120
  const height = 24
  const top = Math.max(1, ...points.map(({ rate }) => rate))
  const made = (name, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', name)
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value)
    return node
  }
  const line = (read, tone) => {
    const places = points.map((point, i) => {
      const x = ((i + HISTORY - points.length) / (HISTORY - 1)) * width
      return `${x.toFixed(1)},${(height - 1 - (read(point) / top) * (height - 2)).toFixed(1)}`
    })
    return made('polyline', { points: places.join(' '), class: tone })
  }
  const label = `up to ${top.toFixed(0)} requests a second`
  const svg = made('svg', { width, height, role: 'img', 'aria-label': label })
  svg.append(line(({ rate }) => rate, 'rate'))
  if (points.some(({ errors }) => errors > 0)) svg.append(line(({ errors }) => errors, 'errors'))
  return svg
}

function versionRow(service, role, view) {
  const { stats, targets, weight } = view
  const healthy = targets.filter((target) => target.healthy).length
  const bar = element('meter', { min: 0, max: 100, value: weight, 'aria-label': 'weight' })
  return element('tr', {}, [
    element('td', { text: role, tone: 'soft' }),
    element('td', {}, [element('b', { text: view.version })]),
    element('td', {}, [bar, ` ${percent(weight)}`]),
    element('td', { text: stats.rate.toFixed(stats.rate < 100 ? 1 : 0) }),
    element('td', {
      text: percent(stats.errorRate * 100),
      tone: stats.errors > 0 ? 'bad' : 'good',
    }),
    ...[stats.p50, stats.p90, stats.p99].map((ms) => element('td', { text: milliseconds(ms) })),
    element('td', { text: stats.inFlight }),
    element('td', {
      text: `${healthy}/${targets.length}`,
      tone: healthy < targets.length ? 'bad' : 'good',
    }),
    element('td', {}, [sparkline(remember(service, view))]),
  ])
}

function rolloutText(rollout) {
  if (rollout === null) return 'no rollout'
  const { phase, step, steps, paused } = rollout
  const plan = steps.map(({ weight }) => weight).join(' → ')
  const where = phase === 'manual' ? '' : `, step ${step} of ${steps.length} (${plan} %)`
  return `${phase}${where}${paused ? ', paused' : ''}`
}

function notes({ rollout, ended, previous, quarantine }) {
  const lines = []
  if (rollout !== null) {
    lines.push(element('p', { text: rollout.reason }))
    for (const { text } of rollout.evidence) lines.push(element('p', { text, tone: 'soft' }))
  } else if (ended !== null) {
    const text = `Last rollout ${ended.id} ${ended.ending}: ${ended.reason}`
    lines.push(element('p', { text, tone: ended.ending === 'promoted' ? 'good' : 'bad' }))
  }
  if (previous !== null) {
    const state = previous.healthy ? 'healthy' : 'not healthy'
    const text = `Previous ${previous.version}, ${state}, kept until ${previous.retainedUntil}`
    lines.push(element('p', { text, tone: 'soft' }))
  }
  for (const [version, { reason, at }] of Object.entries(quarantine)) {
    lines.push(element('p', { text: `Quarantined ${version} since ${at}: ${reason}`, tone: 'bad' }))
  }
  return lines
}

function serviceSection(service) {
  const { name, revision, stable, candidate, rollout } = service
  const rows = []
  if (stable !== null) rows.push(versionRow(name, 'stable', stable))
  if (candidate !== null) rows.push(versionRow(name, 'candidate', candidate))
  const head = HEAD.map((text) => element('th', { text, scope: 'col' }))
  const about = `revision ${revision}, ${rolloutText(rollout)}`
  return element('section', {}, [
    element('h2', { text: `${name} ` }, [element('small', { text: about })]),
    element('div', { tone: 'scroll' }, [
      element('table', {}, [
        element('thead', {}, [element('tr', {}, head)]),
        element('tbody', {}, rows),
      ]),
    ]),
    ...notes(service),
  ])
}

function drawDecisions() {
  const items = decisions.map(({ at, kind, service, text }) =>
    element('li', {}, [
      element('time', { text: new Date(at).toLocaleTimeString(), datetime: at }),
      element('b', {
        text: service === null ? kind : `${service} ${kind}`,
        tone: TONES[kind] ?? '',
      }),
      text,
    ]),
  )
  byId('journal').replaceChildren(...items)
}

async function ask(path) {
  const token = sessionStorage.getItem('token')
  const headers = token === null ? {} : { authorization: `Bearer ${token}` }
  const answer = await fetch(path, { headers, signal: AbortSignal.timeout(8000) })
  byId('token').hidden = answer.status !== 401
  const body = await answer.json()
  if (!answer.ok) throw new Error(body.detail ?? `the admin API answered ${answer.status}`)
  return body
}

async function look() {
  const after = lastSeq === null ? '' : `&after=${lastSeq}`
  const [{ services }, node, page] = await Promise.all([
    ask('/v1/services'),
    ask('/v1/node'),
    ask(`/v1/journal?kind=${KINDS}&limit=${lastSeq === null ? DECISIONS_SHOWN : 1000}${after}`),
  ])
  byId('services').replaceChildren(...services.map(serviceSection))
  lastSeq = page.last ?? lastSeq ?? 0
  if (page.entries.length > 0) {
    decisions.unshift(...page.entries.toReversed())
    decisions.length = Math.min(decisions.length, DECISIONS_SHOWN)
    drawDecisions()
  }
  const state = node.draining ? 'draining' : node.ready ? 'ready' : 'not ready'
  const threads = `${node.threads.length} thread${node.threads.length === 1 ? '' : 's'}`
  byId('state').textContent = [`${state}, ${node.listen}, ${threads}`, ...node.degraded].join('; ')
  byId('state').className = node.degraded.length > 0 || !node.ready ? 'bad' : ''
}

async function loop() {
  try {
    if (!document.hidden) await look()
  } catch (error) {
    byId('state').textContent = error.message
    byId('state').className = 'bad'
  }
  setTimeout(loop, POLL_MS)
}

byId('token').addEventListener('submit', (event) => {
  event.preventDefault()
  sessionStorage.setItem('token', new FormData(event.target).get('token'))
})
await loop()
