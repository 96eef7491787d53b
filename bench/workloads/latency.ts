/**
 * Row 6: how long a GET takes under half of the load that the node can bear, beside a tenth of it.
 * The peak is found anew in each round; the schedule of the other two no reply can change.
 */
import { inDirectory } from '../children.ts'
import { type GeneratorResult, generate } from '../loads/generator.ts'
import { type Peak, peak } from '../loads/peak.ts'
import type { Peer } from '../peers/peer.ts'
import { withPeers } from '../peers/peers.ts'
import { atRest } from '../proc.ts'
import { type Seen, spreadOf } from '../rows.ts'
import type { Scale } from '../scale.ts'
import { connections, valueBytes } from './rates.ts'

export interface LatencyRound {
  readonly peak: Peak
  readonly tenth: GeneratorResult
  readonly half: GeneratorResult
}

export interface LatencyReport {
  readonly rounds: readonly LatencyRound[]
  readonly seen: Seen
}

const warmUpSeconds = 0.5

export async function benchLatency(scale: Scale, threads: number): Promise<LatencyReport> {
  return await inDirectory(directory =>
    withPeers(['denizen'], { directory, valueBytes, threads }, async peers => {
      const denizen = peers.get('denizen') as Peer
      await denizen.fill(0, scale.keys, valueBytes)
      const rounds: LatencyRound[] = []
      if (scale.warmUp.isWhole) await measure(denizen, scale)
      for (let round = 0; round < scale.rounds; round++) rounds.push(await measure(denizen, scale))
      return { rounds, seen: { seen: spreadOf(rounds.map(it => it.half.p99Ms / it.tenth.p99Ms)) } }
    }),
  )
}

async function measure(
  peer: Peer,
  { keys, seconds, restMaxMs, warmUp }: Scale,
): Promise<LatencyRound> {
  const common = { operation: 'get', connections, keys, valueBytes, seconds } as const
  const most = await peak(peer, { ...common, warmUpSeconds: warmUp.seconds })
  const at = async (share: number): Promise<GeneratorResult> => {
    await atRest([peer.pid ?? 0], restMaxMs)
    const rate = most.perSecond * share
    return await generate({
      ...{ ...common, dialect: peer.dialect, port: peer.port, warmUpSeconds, rate },
    })
  }
  return { peak: most, tenth: await at(0.1), half: await at(0.5) }
}
