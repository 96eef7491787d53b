/**
 * R: no byte of a dataset lies in a region that may not store it, nor is sent to one that may
 * neither store nor serve it. Whoever looks for bytes labels them with their dataset: see
 * SeenBytes.
 */
import type { PolicyInForce, SeenBytes } from '../observations.ts'
import { type Finding, Findings } from './finding.ts'

export function checkResidency(
  policies: Iterable<PolicyInForce>,
  seen: Iterable<SeenBytes>,
): readonly Finding[] {
  const findings = new Findings('R')
  const byEpoch = new Map([...policies].map(policy => [policy.epoch, policy]))
  for (const { dataset, place, epochs, atMs } of seen) {
    const permitted = epochs.map(epoch => byEpoch.get(epoch)?.datasets.get(dataset))
    const mayStore = (region: string): boolean => permitted.some(it => it?.store.has(region))
    const mayServe = (region: string): boolean => permitted.some(it => it?.serve.has(region))
    const under = `at ${atMs} ms, under ${epochs.map(epoch => `policy ${epoch}`).join(' and ')}`
    if (place.kind === 'log') {
      findings.add(`bytes of ${dataset} are in the log of ${place.region}, ${under}`)
    } else if (place.kind === 'disk') {
      if (mayStore(place.region)) continue
      findings.add(`bytes of ${dataset} are on the disk of ${place.region}, ${under}`)
    } else if (!mayStore(place.to) && !mayServe(place.to)) {
      findings.add(`bytes of ${dataset} went from ${place.from} to ${place.to}, ${under}`)
    }
  }
  return findings.all
}
