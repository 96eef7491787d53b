/** One dataset of the policy, to the placements of its partitions (or of the whole). */
import { parseDuration } from '../model/duration.ts'
import type { Homing } from '../model/home-rule.ts'
import { limits } from '../model/limits.ts'
import type { PlacementData } from '../model/placement.ts'
import { adviseOnDurability, adviseOnResidency } from './advice.ts'
import type { CompileContext } from './context.ts'
import type { SourcePath } from './diagnostic.ts'
import { checkPrefix, compileHoming } from './homing.ts'
import { checkLaws } from './law.ts'
import { compileResidency, type Residency } from './residency.ts'
import type { DatasetInput, PartitionInput } from './schema.ts'

type Settings = Omit<PartitionInput, 'residency'>
type SettingName = keyof Settings

/** A setting and where it is written: in the partition, or in the dataset for all of them. */
interface Setting<K extends SettingName> {
  readonly value: NonNullable<Settings[K]>
  readonly path: SourcePath
  readonly inherited: boolean
}

interface Part {
  readonly id: string
  readonly name: string
  readonly prefix: string
  readonly groupBySegments: number | null
  readonly residency: Residency
  readonly setting: <K extends SettingName>(field: K) => Setting<K> | undefined
}

/** Compiles a dataset; parts with errors are left out, the errors are in the context. */
export function compileDataset(
  name: string,
  dataset: DatasetInput,
  context: CompileContext,
): PlacementData[] {
  const path = ['datasets', name]
  const groupBySegments = dataset.groupBy?.segments ?? null
  const own =
    dataset.residency && compileResidency(dataset.residency, [...path, 'residency'], context)
  const whole = { id: name, name, prefix: '', groupBySegments }
  if (!dataset.partitions) {
    if (dataset.residency === undefined) reportNoResidency(path, name, context)
    if (!own) return []
    const part: Part = { ...whole, residency: own, setting: settingsOf(path, dataset) }
    const placement = compilePart(part, context)
    return placement ? [placement] : []
  }
  const prefixes = Object.keys(dataset.partitions)
  checkPartitions(path, prefixes, context)
  checkInheritedHoming(path, dataset, prefixes, context)
  return Object.entries(dataset.partitions).flatMap(([prefix, partition]) => {
    const at = [...path, 'partitions', prefix]
    if (!checkPrefix(prefix, groupBySegments, at, context)) return []
    const id = `${name}/${prefix}`
    const declared = partition.residency
    if (declared === undefined && dataset.residency === undefined) {
      reportNoResidency(at, id, context)
    }
    const residency =
      declared === undefined ? own : compileResidency(declared, [...at, 'residency'], context)
    if (!residency) return []
    const setting = settingsOf(path, dataset, at, partition)
    return compilePart({ ...whole, id, prefix, residency, setting }, context) ?? []
  })
}

function compilePart(part: Part, context: CompileContext): PlacementData | undefined {
  const { id, name, prefix, groupBySegments, residency } = part
  const { regions, anywhere, law, forbidden } = residency
  checkLaws(id, residency, context)
  adviseOnResidency(id, residency, context)
  adviseOnDurability(
    id,
    residency,
    {
      acks: part.setting('acks'),
      failover: part.setting('failover'),
    },
    context,
  )
  const homing = partHoming(part, context)
  if (!homing) return undefined
  const ttl = part.setting('ttl')
  const ttlMs = ttl && parseDuration(ttl.value)
  const rehome = part.setting('rehome')
  const ids = (list: readonly { readonly id: string }[]): string[] => list.map(region => region.id)
  return {
    id,
    name,
    prefix,
    slots: limits.slots,
    groupBySegments,
    homing,
    outside: part.setting('outside')?.value ?? 'redirect',
    anywhere,
    law,
    ...(ttlMs !== undefined && { ttlMs }),
    ...acksOf(part.setting('acks')?.value),
    ...(rehome && { rehome: { after: rehome.value.after } }),
    home: ids(regions.home),
    store: ids(regions.store),
    serve: ids(regions.serve),
    forbidden,
  }
}

/** Left out where the home alone is enough; `local` is of one region, and refused by nodes. */
const acksOf = (acks: PartitionInput['acks']): Pick<PlacementData, 'acks'> =>
  acks === undefined || acks === 1 || acks === 'local' ? {} : { acks }

function partHoming(part: Part, context: CompileContext): Homing | undefined {
  const homing = part.setting('homing')
  if (!homing) return { kind: 'hint' }
  const { id, prefix, groupBySegments, residency } = part
  const scope = { id, prefix, groupBySegments, residency, inherited: homing.inherited }
  return compileHoming(homing.value, homing.path, scope, context)
}

function settingsOf(
  datasetPath: SourcePath,
  dataset: Settings,
  partitionPath?: SourcePath,
  partition?: Settings,
): Part['setting'] {
  return <K extends SettingName>(field: K): Setting<K> | undefined => {
    const local = partition?.[field]
    if (partitionPath && local !== undefined) {
      return { value: local, path: [...partitionPath, field], inherited: false }
    }
    const value = dataset[field]
    if (value === undefined) return undefined
    return { value, path: [...datasetPath, field], inherited: partitionPath !== undefined }
  }
}

function reportNoResidency(path: SourcePath, id: string, context: CompileContext): void {
  const message = `${id} has no residency`
  const advice = 'say where it may be; `residency: anywhere` is explicit'
  context.reportKey('error', 'missing_field', path, message, advice)
}

function checkPartitions(
  path: SourcePath,
  prefixes: readonly string[],
  context: CompileContext,
): void {
  if (prefixes.length === 0) {
    const message = 'a dataset with an empty list of partitions takes no key'
    context.error('bad_value', [...path, 'partitions'], message, 'leave partitions out')
  }
  for (const inner of prefixes) {
    const outer = prefixes.find(other => other !== inner && inner.startsWith(other))
    if (outer === undefined || outer === '') continue
    const message = `"${inner}" lies inside "${outer}": its keys follow its own rules alone`
    const at = [...path, 'partitions', inner]
    context.reportKey('warning', 'nested_partition', at, message)
  }
}

/** A home for keys that no partition takes would be a rule for nothing, and is a misspelling. */
function checkInheritedHoming(
  path: SourcePath,
  { homing }: DatasetInput,
  partitions: readonly string[],
  context: CompileContext,
): void {
  if (typeof homing !== 'object' || !('prefix' in homing)) return
  for (const prefix of Object.keys(homing.prefix)) {
    if (partitions.some(other => other.startsWith(prefix) || prefix.startsWith(other))) continue
    const message = `no partition takes keys that begin with "${prefix}"`
    const at = [...path, 'homing', 'prefix', prefix]
    context.reportKey('error', 'bad_prefix', at, message, `partitions: ${partitions.join(', ')}`)
  }
}
