import { isIP, isIPv4 } from 'node:net';

/** What stands for a caller whose address cannot be known, for example because its socket is gone. */
export const UNKNOWN_ADDRESS = 'unknown';

const IPV6_GROUPS = 8;
/** One customer is commonly given a whole /64: its first four groups are the caller. */
const NETWORK_GROUPS = 4;

/** The eight groups of a valid IPv6 address. */
function groupsOf(address: string): readonly number[] {
  const dotted = address.slice(address.lastIndexOf(':') + 1);
  const hexadecimal = isIPv4(dotted) ? `${address.slice(0, -dotted.length)}${ipv4Groups(dotted)}` : address;
  const [head = '', tail] = hexadecimal.split('::');
  const parse = (part: string) =>
    part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16));
  const before = parse(head);
  const after = tail === undefined ? [] : parse(tail);
  const zeros = Array.from({ length: IPV6_GROUPS - before.length - after.length }, () => 0);
  return [...before, ...zeros, ...after];
}

function ipv4Groups(address: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  return `${(a * 256 + b).toString(16)}:${(c * 256 + d).toString(16)}`;
}

/** `::ffff:0:0/96`: an IPv4 address as a dual-stack socket reports it. */
function mappedIpv4(groups: readonly number[]): string | null {
  if (groups.slice(0, 5).some((group) => group !== 0) || groups[5] !== 0xffff) return null;
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}

/** The one form of an address that callers are counted by, or null when it is none. */
function normalise(given: string): string | null {
  if (isIPv4(given)) return given;
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(given);
  const plain = bracketed?.[1] ?? (/^[\d.]+:\d+$/.test(given) ? given.slice(0, given.indexOf(':')) : given);
  const address = plain.replace(/%.*$/s, '');
  if (isIPv4(address)) return address;
  if (isIP(address) === 0) return null;
  const groups = groupsOf(address);
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => group.toString(16));
  return mappedIpv4(groups) ?? `${network.join(':')}::/64`;
}

/**
 * The client's address as limits count it: IPv4 as it is, IPv6 by its /64, an IPv4 address mapped into IPv6 as
 * IPv4.
 *
 * Each trusted proxy appends the address it was called from to `X-Forwarded-For`, so the client is the entry
 * that many places from the right; everything further left can be forged and is not looked at. Is that entry
 * no address, the socket's own counts.
 *
 * @param peer - the other end of the socket.
 * @param forwardedFor - the header, or all its occurrences in order.
 * @param trustedHops - how many proxies are in front; with 0 the header is not read.
 */
export function clientAddress(
  peer: string | undefined,
  forwardedFor: string | readonly string[] | undefined,
  trustedHops: number,
): string {
  const socket = peer === undefined ? null : normalise(peer);
  if (trustedHops === 0 || forwardedFor === undefined) return socket ?? UNKNOWN_ADDRESS;
  const hops = [forwardedFor].flat().join(',').split(',');
  const entry = hops[Math.max(0, hops.length - trustedHops)] ?? '';
  return normalise(entry.trim()) ?? socket ?? UNKNOWN_ADDRESS;
}

/** A host as an URL has it: IPv6 within brackets. */
export const hostInUrl = (host: string): string => (host.includes(':') ? `[${host}]` : host);

/**
 * An address fit for a log: IPv4 by /24, IPv6 by /64. Anything else becomes `UNKNOWN_ADDRESS`. Truncating twice
 * changes nothing.
 */
export function truncateAddress(address: string): string {
  const known = normalise(address.replace(/(?<=::)\/64$|(?<=\.0)\/24$/, ''));
  if (known === null) return UNKNOWN_ADDRESS;
  return isIPv4(known) ? `${known.slice(0, known.lastIndexOf('.'))}.0/24` : known;
}
