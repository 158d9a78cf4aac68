import { keepalivedMib } from './keepalived-mib.ts';
import { rows } from './rows.fixture.ts';
import { AgentXSession } from './session.ts';
import { MibView } from './view.ts';

/** The sub-agent that the conformance cases are about: the rows of the specs, two subtrees, one line of sysORTable. */
export function conformanceSession(): AgentXSession {
  const view = new MibView(keepalivedMib);
  view.update(rows());
  const keepalived = '1.3.6.1.4.1.9586.100.5';
  return new AgentXSession(
    {
      description: 'spec',
      subtrees: [keepalived, '1.3.6.1.2.1.68'],
      timeout: 5,
      priority: 127,
      capabilities: [{ id: keepalived, description: 'spec' }],
    },
    view,
  );
}
