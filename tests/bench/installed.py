"""A folder in which `sluice run` starts: settings, one policy, an empty repository.

Place in the flow: P7 starts the program in one, P1 to P3 load its settings.
"""

import subprocess
from pathlib import Path

_CONFIG = """\
mode: observe
registry: {{id: main, url: "{registry}"{more}}}
ledger: {{path: sluice.db}}
forges: {{here: {{local: {{path: git}}}}}}
clusters: {{here: {{local: {{url: "{cluster}"}}}}}}
web: {{listen: "127.0.0.1:{port}", sign_in_file: sign-in.json}}
people: {{ana: {{}}}}
policies: [policy.yaml]
"""
_POLICY = """\
models: "*"
gates: [{metric: accuracy, better: higher, at_least: 0.9}]
targets:
  - name: production
    slot: {forge: here, repository: gitops}
    edits: [{file: "apps/{model}.yaml", set: {spec.predictor.model.storageUri: "{uri}"}}]
    cluster: here
    approval: {people: [ana]}
"""


def install(
    folder: Path,
    registry: str,
    *,
    more: str = "",
    cluster: str = "http://127.0.0.1:9",
    port: int = 0,
) -> Path:
    """Write everything there; return the settings' file. `more` are keys of `registry:`."""
    bare = folder / "git" / "gitops.git"
    if not bare.exists():
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", str(bare)], check=True)
    settings = folder / "sluice.yaml"
    settings.write_text(_CONFIG.format(registry=registry, more=more, cluster=cluster, port=port))
    (folder / "policy.yaml").write_text(_POLICY)
    return settings
