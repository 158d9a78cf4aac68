import { describe, expect, it } from 'vitest';
import { parseIpvsTable } from './ipvs-table.ts';

// /proc/net/ip_vs of director L1, Linux 6.1.176.
const table = `IP Virtual Server version 1.2.1 (size=4096)
Prot LocalAddress:Port Scheduler Flags
  -> RemoteAddress:Port Forward Weight ActiveConn InActConn
TCP  C633640F:0050 rr  
  -> C0A8010D:0050      Masq    1      0          12        
  -> C0A8010A:0050      Masq    0      3          0         
TCP  [2001:0db8:0000:0000:0000:0000:0000:0015]:0050 rr  
  -> [fd00:0000:0000:0000:0000:0000:0000:0010]:0050      Masq    1      0          0         
FWM  00000007 wlc persistent 50 FFFFFFFF
`;

describe('parseIpvsTable', () => {
  it('reads both families', () => {
    expect(parseIpvsTable(table)).toEqual([
      {
        protocol: 'TCP',
        address: '198.51.100.15',
        port: 80,
        scheduler: 'rr',
        servers: [
          { address: '192.168.1.13', port: 80, weight: 1, active: 0, inactive: 12 },
          { address: '192.168.1.10', port: 80, weight: 0, active: 3, inactive: 0 },
        ],
      },
      {
        protocol: 'TCP',
        address: '2001:db8::15',
        port: 80,
        scheduler: 'rr',
        servers: [{ address: 'fd00::10', port: 80, weight: 1, active: 0, inactive: 0 }],
      },
    ]);
  });

  it('has nothing to tell of an empty file', () => {
    expect(parseIpvsTable('')).toEqual([]);
  });
});
