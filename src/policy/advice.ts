/** Warnings about a residency that is valid, and about settings that nobody enforces yet. */
import type { Region } from '../model/region.ts'
import type { CompileContext } from './context.ts'
import type { SourcePath } from './diagnostic.ts'
import type { Residency } from './residency.ts'
import type { PartitionInput } from './schema.ts'
import { label } from './selector.ts'

interface Written<T> {
  readonly value: T
  readonly path: SourcePath
}

export interface DurabilitySettings {
  readonly acks: Written<NonNullable<PartitionInput['acks']>> | undefined
  readonly failover: Written<NonNullable<PartitionInput['failover']>> | undefined
  readonly rehome: Written<NonNullable<PartitionInput['rehome']>> | undefined
}

export function adviseOnResidency(
  id: string,
  { path, regions }: Residency,
  context: CompileContext,
): void {
  const onlyIn = (some: readonly Region[], others: readonly Region[]): string =>
    some
      .filter(region => !others.includes(region))
      .map(label)
      .join(', ')
  const silent = onlyIn(regions.store, regions.serve)
  if (silent) {
    const message = `${silent}: keeps a copy of ${id} but may not answer from it`
    context.warn('stored_not_served', [...path, 'serve'], message)
  }
  const access = onlyIn(regions.serve, regions.store)
  if (access) {
    const message = `access from ${access}: answers for ${id} without a copy, so that each answer takes data there, which laws treat as a transfer`
    context.warn('served_not_stored', [...path, 'serve'], message)
  }
  const [only, ...more] = regions.store
  if (only && more.length === 0) {
    const message = `only ${label(only)} keeps ${id}: whoever loses that region loses the data`
    const advice = 'permit a second region, or keep backups'
    context.warn('single_copy', [...path, 'store'], message, advice)
  }
}

export function adviseOnDurability(
  id: string,
  { regions }: Residency,
  { acks, failover, rehome }: DurabilitySettings,
  context: CompileContext,
): void {
  const copies = regions.store.length
  if (acks && typeof acks.value === 'number' && acks.value > copies) {
    const where = regions.store.map(label).join(', ')
    const message = `acks: ${acks.value} asks for more regions than may store ${id}: ${where}`
    context.error('acks_above_regions', acks.path, message, `at most acks: ${copies}`)
  }
  const oneRegion = acks === undefined || acks.value === 1 || acks.value === 'local'
  if (failover?.value === 'auto' && oneRegion) {
    const message = `failover: auto of ${id} would lose writes that only the home has on disk`
    context.error('failover_needs_acks', failover.path, message, 'set acks: 2 or more')
  }
  if (acks?.value === 'local') {
    warnNotEnforced(acks.path, 'acks: local', 'it needs etcd, and there is one node per region')
  }
  if (failover?.value === 'auto') {
    warnNotEnforced(failover.path, 'failover: auto', 'no region is replaced by itself')
  }
  if (rehome) warnNotEnforced(rehome.path, 'rehome', 'a group stays where it was first written')

  function warnNotEnforced(path: SourcePath, setting: string, instead: string): void {
    const message = `${setting} is not enforced by this version: ${instead}`
    context.warn('not_enforced_yet', path, message, 'leave it out: denizen serve refuses to start')
  }
}
