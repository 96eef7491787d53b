/**
 * Every interleaving of re-homing in a small world: the machines of rehoming.ts, the registrar's
 * compare-and-set and the rules of markers are those of src/; regions, feeds and calls are data. A
 * call may fail with or without having been executed, also long after it has failed; a region
 * crashes, and keeps what is durable; copies follow feeds entry by entry.
 */
import {
  beginMove,
  beginTaking,
  goOnWithMove,
  type MoveEvent,
  type TakerEvent,
  type TermHome,
} from '../../src/movement/rehoming.ts'
import type { FeedEnd, HomeMarker } from '../../src/storage/home-marker.ts'
import {
  type Bounds,
  begin,
  type Entry,
  type Explored,
  type Late,
  type Machine,
  names,
  type OneSide,
  type Rules,
  rules,
  type World,
} from './small-world.ts'

export function explore(bounds: Bounds, by: Rules = rules): Explored {
  const explorer = new Explorer(bounds, by)
  const seen = new Set([JSON.stringify(begin)])
  const queue = [begin]
  const homes = new Set<string>()
  for (let world = queue.pop(); world; world = queue.pop()) {
    const what = explorer.wrong(world)
    if (what !== undefined) return { states: seen.size, homes, violation: { what, world } }
    for (const home of explorer.homes(world)) homes.add(names[home] as string)
    for (const next of explorer.next(world)) {
      const name = JSON.stringify(next)
      if (seen.has(name)) continue
      seen.add(name)
      queue.push(next)
    }
  }
  return { states: seen.size, homes }
}

interface View {
  readonly value: { readonly term: number; readonly value: number }
  readonly marker: HomeMarker | undefined
}

class Explorer {
  readonly #bounds: Bounds
  readonly #by: Rules

  constructor(bounds: Bounds, by: Rules) {
    this.#bounds = bounds
    this.#by = by
  }

  /** What a region's store holds: what it wrote, and what it has applied of other feeds. */
  #view({ feeds, cursors }: World, region: number): View {
    let value = { term: -1, value: -1 }
    let marker: HomeMarker | undefined
    feeds.forEach((feed, of) => {
      const known = of === region ? feed : feed.slice(0, cursors[region]?.[of])
      for (const entry of known) {
        if (entry.kind === 'marker') {
          if (this.#by.tellsMore(entry.marker, marker)) marker = entry.marker
        } else if (entry.term > value.term || entry.value > value.value) value = entry
      }
    })
    return { value, marker }
  }

  #has({ cursors }: World, region: number, ends: readonly FeedEnd[] = []): boolean {
    return ends.every(
      ({ feed, position }) => feed === region || (cursors[region]?.[feed] ?? 0) >= position,
    )
  }

  #home(world: World, region: number): { readonly region: number; readonly term: number } {
    const { marker } = this.#view(world, region)
    return marker ?? { region: 0, term: 0 }
  }

  #isHome(world: World, region: number): boolean {
    const { marker } = this.#view(world, region)
    if (!marker) return region === 0
    return marker.region === region && !marker.stopped && this.#has(world, region, marker.past)
  }

  homes(world: World): number[] {
    return names.map((_, region) => region).filter(region => this.#isHome(world, region))
  }

  /** What must never be. */
  wrong(world: World): string | undefined {
    const homes = this.homes(world)
    if (homes.length > 1) return 'H: two homes'
    for (const home of homes) {
      const { value } = this.#view(world, home)
      if (value.value !== world.acknowledged) return 'L: a home lacks an acknowledged write'
    }
    return this.homes(this.#atRest(world)).length === 1 ? undefined : 'nobody ever becomes home'
  }

  /** All that is under way ends well, and those who find the group between homes drive it on. */
  #atRest(begin: World): World {
    let world: World = { ...begin, machines: [], late: [] }
    for (let n = 0; n < 12; n++) {
      world = { ...world, cursors: names.map(() => world.feeds.map(feed => feed.length)) }
      if (this.homes(world).length > 0) return world
      const drives = [...this.#drives(world)]
      const waiting = drives[n % drives.length]
      if (!waiting) return world
      world = this.#toEnd({ ...world, machines: [waiting] })
    }
    return world
  }

  #toEnd(begin: World): World {
    let world = begin
    for (let n = 0; n < 100 && world.machines.length > 0; n++) {
      world = { ...world, cursors: names.map(() => world.feeds.map(feed => feed.length)) }
      const machine = world.machines.at(-1) as Machine
      const [first] = this.#step(world, machine)
      if (!first) break
      world = first
    }
    return { ...world, machines: [] }
  }

  *next(world: World): Iterable<World> {
    const { writes, crashes, moves } = this.#bounds
    for (const region of names.keys()) {
      if (this.#isHome(world, region) && world.acknowledged < writes) {
        const value = world.acknowledged + 1
        const { term } = this.#home(world, region)
        const written = this.#append(world, region, { kind: 'value', term, value })
        yield { ...written, acknowledged: value }
      }
      for (const feed of names.keys()) {
        const cursor = world.cursors[region]?.[feed] ?? 0
        if (feed === region || cursor >= (world.feeds[feed]?.length ?? 0)) continue
        const cursors = world.cursors.map((row, follower) =>
          follower === region ? row.map((at, of) => (of === feed ? at + 1 : at)) : row,
        )
        yield { ...world, cursors }
      }
      if (world.crashes < crashes && world.machines.some(it => it.region === region)) {
        const machines = world.machines.filter(it => it.region !== region)
        yield { ...world, machines, crashes: world.crashes + 1 }
      }
    }
    const move = moves[world.moves]
    if (move && this.#isHome(world, move[0])) {
      const [region, to] = move
      const { term } = this.#home(world, region)
      const machine: Machine = { side: 'home', region, term, to, called: false, ...beginMove }
      yield { ...world, moves: world.moves + 1, machines: [...world.machines, machine] }
    }
    for (const machine of this.#drives(world)) {
      const isRunning = world.machines.some(
        it => it.region === machine.region && it.side === machine.side,
      )
      if (!isRunning) yield { ...world, machines: [...world.machines, machine] }
    }
    for (const machine of world.machines) yield* this.#step(world, machine)
    for (const late of world.late) {
      const without = { ...world, late: world.late.filter(it => it !== late) }
      if (late.kind === 'claim') yield this.#claimed(without, late.region, late.term).world
      else yield this.#taking(without, late.region, late.term)
    }
  }

  /** Who finds the group between two homes, of which it is one. */
  *#drives(world: World): Iterable<Machine> {
    for (const region of names.keys()) {
      const { marker } = this.#view(world, region)
      if (!marker?.stopped) continue
      const { term, stopped } = marker
      if (marker.region === region) {
        yield { side: 'home', region, term, to: stopped.to, called: false, ...goOnWithMove }
      } else if (stopped.to === region) yield { side: 'taker', region, term, ...beginTaking }
    }
  }

  #taking(world: World, region: number, term: number): World {
    if (world.machines.some(it => it.region === region && it.side === 'taker')) return world
    const machine: Machine = { side: 'taker', region, term, ...beginTaking }
    return { ...world, machines: [...world.machines, machine] }
  }

  #append(world: World, region: number, entry: Entry): World {
    const feeds = world.feeds.map((feed, of) => (of === region ? [...feed, entry] : feed))
    return { ...world, feeds }
  }

  #claimed(
    world: World,
    region: number,
    term: number,
  ): { readonly world: World; readonly event: MoveEvent } {
    const { registered } = world
    const decision = this.#by.decide(registered?.term ?? 0, term)
    if (decision === 'unknown') return { world, event: { kind: 'registered', home: null } }
    const standing =
      decision === 'grant' ? { region, term: (registered?.term ?? 0) + 1 } : registered
    const home = standing && { region: names[standing.region] as string, term: standing.term }
    return { world: { ...world, registered: standing }, event: { kind: 'registered', home } }
  }

  *#step(world: World, machine: Machine): Iterable<World> {
    if (machine.side === 'home') yield* this.#stepHome(world, machine)
    else yield* this.#stepTaker(world, machine)
  }

  #goneOn(world: World, machine: Machine, event: TakerEvent): World {
    const self = names[machine.region] as string
    const machines = [...world.machines]
    const at = machines.indexOf(machine)
    const { term } = machine
    if (machine.side === 'home') {
      const of = { self, term, lagMax: 9, isComputed: term === 0 }
      const next = this.#by.stepHome(of, machine.state, event as MoveEvent)
      if (next.effect.kind === 'end') machines.splice(at, 1)
      else machines[at] = { ...machine, ...next, called: false }
    } else {
      const next = this.#by.stepTaker({ self, term }, machine.state, event)
      if (next.effect.kind === 'end') machines.splice(at, 1)
      else machines[at] = { ...machine, ...next }
    }
    return { ...world, machines }
  }

  /** The caller hears nothing; the call may be executed later, or never. */
  *#failing(world: World, machine: Machine, late?: Late): Iterable<World> {
    if (world.failures >= this.#bounds.failures) return
    const failed = { ...world, failures: world.failures + 1 }
    const gone = this.#goneOn(failed, machine, { kind: 'failed' })
    yield gone
    if (late) yield { ...gone, late: [...gone.late, late] }
  }

  *#stepHome(world: World, machine: OneSide<'home'>): Iterable<World> {
    const { region, term, to, effect } = machine
    switch (effect.kind) {
      case 'lookUp': {
        const { registered } = world
        const home = registered && { ...registered, region: names[registered.region] as string }
        yield this.#goneOn(world, machine, { kind: 'registered', home })
        yield* this.#failing(world, machine)
        return
      }
      case 'ask':
        yield this.#goneOn(world, machine, { kind: 'lag', changes: 0 })
        yield* this.#failing(world, machine)
        return
      case 'stop': {
        const isHome = this.#isHome(world, region) && this.#home(world, region).term === term
        const stopped = isHome ? this.#stopped(world, region, term, to) : world
        yield this.#goneOn(stopped, machine, { kind: isHome ? 'stopped' : 'notHome' })
        return
      }
      case 'handOver': {
        if (!machine.called) {
          const called = { ...machine, called: true }
          const machines = world.machines.map(it => (it === machine ? called : it))
          yield this.#taking({ ...world, machines }, to, term)
          yield* this.#failing(world, machine, { kind: 'take', region: to, term })
          return
        }
        if (!world.machines.some(it => it.side === 'taker' && it.region === to)) {
          const home = this.#home(world, to)
          const isLater = home.term > term
          const named: TermHome = { region: names[home.region] as string, term: home.term }
          yield this.#goneOn(world, machine, isLater ? { kind: 'home', home: named } : failed)
        }
        yield* this.#failing(world, machine)
        return
      }
      case 'claim':
        yield* this.#claim(world, machine)
        return
      case 'mark':
        yield this.#marked(world, machine, effect.home.term)
    }
  }

  *#stepTaker(world: World, machine: OneSide<'taker'>): Iterable<World> {
    const { effect } = machine
    switch (effect.kind) {
      case 'look':
        yield this.#goneOn(world, machine, this.#look(world, machine))
        return
      case 'wait':
        if (this.#look(world, machine).kind !== 'lacking') {
          yield this.#goneOn(world, machine, { kind: 'grown' })
        }
        yield* this.#failing(world, machine)
        return
      case 'claim':
        yield* this.#claim(world, machine)
        return
      case 'mark':
        yield this.#marked(world, machine, effect.home.term)
    }
  }

  *#claim(world: World, machine: Machine): Iterable<World> {
    const { region, term } = machine
    const { world: claimed, event } = this.#claimed(world, region, term)
    yield this.#goneOn(claimed, machine, event)
    yield* this.#failing(world, machine, { kind: 'claim', region, term })
  }

  #look(world: World, { region, term }: Machine): TakerEvent {
    const { marker } = this.#view(world, region)
    const home = this.#home(world, region)
    const named: TermHome = { region: names[home.region] as string, term: home.term }
    if (this.#isHome(world, region) || (home.term > term && home.region !== region)) {
      return { kind: 'home', home: named }
    }
    const isStopped = marker?.term === term && marker.stopped !== undefined
    const isComplete = marker && this.#has(world, region, this.#by.endsOf(marker))
    return { kind: isStopped && isComplete ? 'complete' : 'lacking' }
  }

  #stopped(world: World, region: number, term: number, to: number): World {
    const { marker } = this.#view(world, region)
    const position = (world.feeds[region]?.length ?? 0) + 1
    const why = { kind: 'operator', writes: 0, atMs: 0 } as const
    const past = (marker?.past ?? []).filter(({ feed }) => feed !== region)
    const stopped: HomeMarker = { region, feed: region, term, position, past, stopped: { to, why } }
    return this.#append(world, region, { kind: 'marker', marker: stopped })
  }

  /** As `takeHome` does it. */
  #marked(world: World, machine: Machine, term: number): World {
    const { region } = machine
    const { marker } = this.#view(world, region)
    if (marker && marker.term >= term) {
      const home = { region: names[marker.region] as string, term: marker.term }
      return this.#goneOn(world, machine, { kind: 'home', home })
    }
    const isOwn = marker?.region === region
    const ends = marker ? (isOwn ? (marker.past ?? []) : this.#by.endsOf(marker)) : []
    if (!marker?.stopped || !this.#has(world, region, ends)) {
      return this.#goneOn(world, machine, { kind: 'lacking' })
    }
    const position = (world.feeds[region]?.length ?? 0) + 1
    const past = ends.filter(({ feed }) => feed !== region)
    const taken: HomeMarker = { region, feed: region, term, position, past }
    const next = this.#append(world, region, { kind: 'marker', marker: taken })
    const home = { region: names[region] as string, term }
    return this.#goneOn(next, machine, { kind: 'home', home })
  }
}

const failed: MoveEvent = { kind: 'failed' }
