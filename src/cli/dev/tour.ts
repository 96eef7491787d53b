/** What `denizen dev` prints for people: the addresses, and commands to paste. */
import type { PolicyData } from '../../model/placement.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'
import { defaultDataDirectory } from './lock.ts'
import type { World } from './world.ts'

/** One row per region: where it is, and how far the others are from it. */
export function addressTable(world: World, { colors }: Terminal): string {
  const ids = world.regions.map(({ id }) => id)
  const rows = world.regions.map(({ id, name }) => [
    id,
    name,
    world.url(id),
    ...ids.map(other => (other === id ? '-' : `${Math.round(world.rttMs(id, other))} ms`)),
  ])
  return formatTable(colors, ['region', 'place', 'address', ...ids.map(id => `to ${id}`)], rows)
}

interface Step {
  readonly shows: string
  readonly command: string
}

/** Commands to paste, each with what it shows; only what the policy at hand can show. */
export function tour(
  world: World,
  policy: PolicyData,
  dataDirectory: string,
  { colors }: Terminal,
): string {
  const steps = [
    ...citySteps(world, policy),
    ...boundSteps(world, policy),
    ...failureSteps(world, dataDirectory),
  ]
  return steps
    .flatMap(({ shows, command }) => [colors.dim(`# ${shows}`), command, ''])
    .join('\n')
    .trimEnd()
}

function citySteps(world: World, { placements }: PolicyData): Step[] {
  const open = placements.find(({ anywhere, prefix }) => anywhere && prefix === '')
  const first = world.regions[0]?.id
  const last = world.regions.at(-1)?.id
  if (!open || first === undefined || last === undefined) return []
  const path = `/v1/kv/${open.name}/tour/hello`
  return [
    {
      shows: `write in ${last}: the first write makes it the home (see Denizen-Home)`,
      command: `curl -i -X PUT ${world.url(last)}${path} -H 'content-type: application/json' -d '{"hello":"world"}'`,
    },
    {
      shows: `read the copy in ${first}, at no distance; Denizen-Served-By says how old it may be`,
      command: `curl -i ${world.url(first)}${path} -H 'denizen-consistency: eventual'`,
    },
    {
      shows: 'where that key lives, since when, and why',
      command: `curl -s ${world.url(first)}/v1/explain/${open.name}/tour/hello`,
    },
  ]
}

/** A region outside a dataset's `serve`: one that redirects (307), one that refuses (451). */
function boundSteps(world: World, { placements }: PolicyData): Step[] {
  const steps: Step[] = []
  for (const [outside, status] of [
    ['redirect', 307],
    ['refuse', 451],
  ] as const) {
    const bound = placements.find(
      placement => placement.outside === outside && placement.serve.length < world.regions.length,
    )
    // From afar where there is a choice: the one that serves least likely nearby.
    const beyond = world.regions.filter(({ id }) => bound && !bound.serve.includes(id))
    const entry = (outside === 'redirect' ? beyond : beyond.slice(0, 1))[0]?.id
    if (!bound || entry === undefined) continue
    const key = `${bound.prefix}anna/address`
    steps.push({
      shows: `${bound.name} never leaves ${bound.store.join(', ')}: ${entry} answers ${status}`,
      command: `curl -i ${world.url(entry)}/v1/kv/${bound.name}/${key}`,
    })
  }
  return steps
}

function failureSteps(world: World, dataDirectory: string): Step[] {
  const last = world.regions.at(-1)?.id
  if (last === undefined || world.regions.length < 2) return []
  const data = dataDirectory === defaultDataDirectory ? '' : ` --data ${dataDirectory}`
  return [
    {
      shows: `${last} dies; the others go on with what they hold (then: denizen dev start ${last})`,
      command: `npx denizen dev kill ${last}${data}`,
    },
  ]
}
