/**
 * M: when a group ends because it goes to another partition, every write of it that was
 * acknowledged is in the copy, or was overwritten or deleted before; and none is accepted later.
 */
import { compareVersions, parseVersion, type Version } from '../../model/version.ts'
import type { History, OperationRecord } from '../history.ts'
import type { Departure } from '../observations.ts'
import { nameOf } from './call.ts'
import { type Finding, Findings } from './finding.ts'

interface Change {
  /** `dataset key` */
  readonly name: string
  readonly operation: number
  /** null: a deletion. */
  readonly value: string | null
  /** Undefined: nobody told it, or whether it was done. */
  readonly version: Version | undefined
  readonly invokeMs: number
  readonly returnMs: number
}

export interface DeparturesOptions {
  /** Who ends groups: its deletions are those ends. */
  readonly mover: string
  /** Homes of the dataset may have left it, and with them what groups have gone elsewhere. */
  readonly mayForget: (dataset: string) => boolean
}

export function checkDepartures(
  { operations }: History,
  departures: Iterable<Departure>,
  { mover, mayForget }: DeparturesOptions,
): readonly Finding[] {
  const findings = new Findings('M')
  const changes = changesByKey(operations, mover)
  for (const { dataset, group, copy, term, atMs } of departures) {
    for (const { key, version } of copy) {
      const name = nameOf(dataset, key)
      const all = changes.get(name) ?? []
      const copied = version === null ? undefined : parseVersion(version)
      for (const change of all) {
        if (!change.version) continue
        const { value, operation } = change
        const what = `${name}: ${value ?? 'a deletion'} was acknowledged`
        if (change.version.term > term) {
          if (mayForget(dataset)) continue
          findings.add(`${what} though ${group} had gone elsewhere, by ${atMs} ms`, operation)
        } else if (copied && compareVersions(change.version, copied) > 0) {
          findings.add(`${what}, and the copy with which ${group} went is older`, operation)
        } else if (!copied && value !== null && !isDeleted(change, all, atMs)) {
          findings.add(
            `${what}, and nothing of it is in the copy with which ${group} went`,
            operation,
          )
        }
      }
    }
  }
  return findings.all
}

/** A deletion came after it, or may have. */
const isDeleted = (write: Change, all: readonly Change[], byMs: number): boolean =>
  all.some(
    ({ value, version, invokeMs, returnMs }) =>
      value === null &&
      invokeMs <= byMs &&
      (version && write.version
        ? compareVersions(version, write.version) > 0
        : returnMs >= write.invokeMs),
  )

/** By `dataset key`, what was done by others than the mover, or may have been. */
function changesByKey(
  operations: readonly OperationRecord[],
  mover: string,
): ReadonlyMap<string, readonly Change[]> {
  const changes: Change[] = []
  for (const [index, { client, dataset, operation, result, ...times }] of operations.entries()) {
    if (client === mover || (operation.kind !== 'put' && operation.kind !== 'delete')) continue
    if (result?.kind === 'error' && result.applied === 'no') continue
    const told = result && 'version' in result ? result.version : undefined
    changes.push({
      name: nameOf(dataset, operation.key),
      operation: index,
      value: operation.kind === 'put' ? operation.value : null,
      version: told === undefined ? undefined : parseVersion(told),
      invokeMs: times.invokeMs,
      returnMs:
        result === null || result.kind === 'error' ? Infinity : (times.returnMs ?? Infinity),
    })
  }
  return Map.groupBy(changes, ({ name }) => name)
}
