import { type RouterOwnership, countedMasters, isClaimHeard, silentMasters } from './ownership-view.ts';

/** A whole sentence for an operator: what is wrong with which virtual router, by whose word, and where to look. */
export function describeOwnership(router: RouterOwnership, instance = 'virtual router'): string {
  const { vrid, family, address, verdict, claims } = router;
  const name = `${instance} (VRID ${vrid}, ${family === 'ipv4' ? 'IPv4' : 'IPv6'}${address === undefined ? '' : `, ${address}`})`;
  const masters = countedMasters(claims);
  const silent = silentMasters(router);
  const nodes = masters.map(({ node }) => node).join(' and ');
  switch (verdict) {
    case 'one-master':
      if (masters.length > 0) return `${name} has one master, ${nodes}`;
      if (silent.length > 0)
        return (
          `${name} has a master that gossip does not hear: ${hearers(claims)} its adverts; ` +
          silent.map(({ node, member }) => `${node}, the last master, is ${silence(member)}`).join(', ')
        );
      return `${name} has a master that does not gossip: ${hearers(claims)} its adverts`;
    case 'multi-master':
      return (
        `${name} has ${masters.length} masters at once, ${nodes}: they reach each other by gossip but not by VRRP; ` +
        'look for a cut, a filter or a wrong VLAN on the segment of the virtual router'
      );
    case 'no-master': {
      const others = claims.map((claim) => {
        const { node, role, member } = claim;
        if (member === 'failed' || member === 'suspect')
          return `${node}${silent.includes(claim) ? ', the last master,' : ''} is ${silence(member)}`;
        return `${node} is ${role}`;
      });
      return `${name} has no master: ${others.join(', ')}; nobody answers for its addresses`;
    }
  }
}

function hearers(claims: RouterOwnership['claims']): string {
  const nodes = claims.filter((claim) => claim.hearsMaster && isClaimHeard(claim)).map(({ node }) => node);
  return `${nodes.join(' and ')} ${nodes.length === 1 ? 'hears' : 'hear'}`;
}

function silence(member: RouterOwnership['claims'][number]['member']): string {
  return member === 'failed' ? 'failed' : 'silent';
}
