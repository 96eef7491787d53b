/** What an operator is told when an address can't be listened on. */
import { formatAddress, type HostPort } from '../runtime/network.ts'
import { StartError } from './start-error.ts'

/** `option`: the one of `serve` that names the address. Other failures stay as they are. */
export function listenError(error: unknown, option: string, address: HostPort): unknown {
  if (!(error instanceof Error && 'code' in error)) return error
  const at = formatAddress(address)
  if (error.code === 'EADDRINUSE') {
    return new StartError(`${at} is taken`, `Stop what listens there, or use another ${option}.`)
  }
  if (error.code === 'EADDRNOTAVAIL' || error.code === 'EACCES') {
    return new StartError(`${at} can not be listened on (${error.code})`, `Use another ${option}.`)
  }
  return error
}
