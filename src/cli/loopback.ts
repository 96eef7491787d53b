import type { HostPort } from '../runtime/network.ts'

/** Whether only this machine reaches the address. Other names than localhost may mean anything. */
export const isLoopback = ({ host }: Pick<HostPort, 'host'>): boolean =>
  host === 'localhost' || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host)
