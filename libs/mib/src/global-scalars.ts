import { ENABLED, columnsOf } from './columns.ts';
import { oid } from './oid.ts';
import type { GlobalRow, SyncDaemonRow } from './rows.ts';
import { SCALAR, type Table, hidden, ordinals } from './table.ts';

const ALERT = { on: 1, off: 2, unset: 3 } as const;

const all = columnsOf<GlobalRow>();

/** Scalars right below `global`. */
export const globalScalars: Table<GlobalRow> = {
  name: 'global',
  entry: oid('1.3.6.1.4.1.9586.100.5.1'),
  index: [],
  hidden: [],
  rows: (rows) => [{ index: SCALAR, row: rows.global }],
  columns: [
    all.text(1, 'version', (row) => row.version),
    all.text(2, 'routerId', (row) => row.routerId),
    all.yesNo(4, 'trapEnable', ENABLED, (row) => row.trapEnable),
    all.enumerated(5, 'linkBeat', { netlink: 1, polling: 2 }, (row) => row.linkBeat),
    all.yesNo(6, 'lvsFlush', ENABLED, (row) => row.lvsFlush),
    // The 64-bit columns are always served.
    all.truth(7, 'ipvs64BitStats', () => true),
    all.text(8, 'netNamespace', (row) => row.netNamespace),
    all.truth(9, 'dbus', (row) => row.dbus),
    all.truth(10, 'dynamicInterfaces', (row) => row.dynamicInterfaces),
    all.enumerated(11, 'lvsFlushOnStop', { enabled: 1, disabled: 2, flushVS: 3 }, (row) =>
      row.lvsFlushOnStop === 'flush-vs' ? 'flushVS' : row.lvsFlushOnStop,
    ),
    all.truth(12, 'v3ChecksumAsV2', (row) => row.v3ChecksumAsV2),
  ],
};

/** Scalars of `mail`. Without a server its address and port are absent. */
export const mailScalars: Table<GlobalRow> = {
  name: 'mail',
  entry: oid('1.3.6.1.4.1.9586.100.5.1.3'),
  index: [],
  hidden: [],
  rows: (rows) => [{ index: SCALAR, row: rows.global }],
  columns: [
    all.addressType(1, 'smtpServerAddressType', (row) => row.mail.server?.address ?? null),
    all.address(2, 'smtpServerAddress', (row) => row.mail.server?.address ?? null),
    all.unsigned(3, 'smtpServerTimeout', (row) => row.mail.timeout),
    all.text(4, 'emailFrom', (row) => row.mail.from),
    all.port(6, 'smtpServerPort', (row) => row.mail.server?.port ?? null),
    all.yesNo(7, 'smtpEmailFaults', ENABLED, (row) => row.mail.faults),
    all.enumerated(8, 'smtpEmailSmtpAlert', ALERT, (row) => alertOf(row.mail.alert)),
    all.enumerated(9, 'smtpEmailSmtpAlertVrrp', ALERT, (row) => alertOf(row.mail.alertVrrp)),
    all.enumerated(10, 'smtpEmailSmtpAlertChecker', ALERT, (row) => alertOf(row.mail.alertChecker)),
  ],
};

/** `emailTable`, INDEX { emailIndex }. */
export const emailTable: Table<string> = {
  name: 'emailTable',
  entry: oid('1.3.6.1.4.1.9586.100.5.1.3.5.1'),
  index: ['emailIndex'],
  hidden: [hidden(1, 'emailIndex')],
  rows: (rows) => ordinals(rows.global.mail.recipients),
  columns: [columnsOf<string>().text(2, 'emailAddress', (row) => row)],
};

const daemon = columnsOf<SyncDaemonRow | null>();

/** Scalars of `lvsSyncDaemon`. Without a daemon only the first exists. */
export const syncDaemonScalars: Table<SyncDaemonRow | null> = {
  name: 'lvsSyncDaemon',
  entry: oid('1.3.6.1.4.1.9586.100.5.3.6'),
  index: [],
  hidden: [],
  rows: (rows) => [{ index: SCALAR, row: rows.global.syncDaemon }],
  columns: [
    daemon.yesNo(1, 'lvsSyncDaemonEnabled', ENABLED, (row) => row !== null),
    daemon.text(2, 'lvsSyncDaemonInterface', (row) => row?.interface ?? null),
    daemon.text(3, 'lvsSyncDaemonVrrpInstance', (row) => row?.instance ?? null),
    daemon.integer(4, 'lvsSyncDaemonSyncId', (row) => row?.syncId ?? null, { range: [0, 255] }),
    daemon.integer(5, 'lvsSyncDaemonMaxLen', (row) => row?.maxLength ?? null, { range: [0, 65517] }),
    daemon.integer(6, 'lvsSyncDaemonPort', (row) => row?.port ?? null, { range: [0, 65535] }),
    daemon.integer(7, 'lvsSyncDaemonTTL', (row) => row?.ttl ?? null, { range: [0, 255] }),
    daemon.addressType(8, 'lvsSyncDaemonMcastGroupAddrType', (row) => row?.group ?? null),
    daemon.address(9, 'lvsSyncDaemonMcastGroupAddrValue', (row) => row?.group ?? null),
  ],
};

/** The kernel's own bounds. */
const SECONDS = { range: [1, 2678400] } as const;

const times = columnsOf<GlobalRow['timeouts']>();

/** Scalars of `lvsTimeouts`, in seconds; absent where the configuration leaves the kernel's. */
export const timeoutScalars: Table<GlobalRow['timeouts']> = {
  name: 'lvsTimeouts',
  entry: oid('1.3.6.1.4.1.9586.100.5.3.7'),
  index: [],
  hidden: [],
  rows: (rows) => [{ index: SCALAR, row: rows.global.timeouts }],
  columns: [
    times.integer(1, 'lvsTimeoutTcp', (row) => row.tcp, SECONDS),
    times.integer(2, 'lvsTimeoutTcpFin', (row) => row.tcpFin, SECONDS),
    times.integer(3, 'lvsTimeoutUdp', (row) => row.udp, SECONDS),
  ],
};

function alertOf(alert: boolean | null): keyof typeof ALERT {
  if (alert === null) return 'unset';
  return alert ? 'on' : 'off';
}
