"""Read channels as conda does, through its own code; run by test_conda.py with an interpreter that has conda.

``python by_conda.py PKGS_DIR TTL URL...``: URLs of subdirs. A line of JSON for each: [cached file, records].
"""

import json
import os
import sys
from importlib import import_module
from importlib.util import find_spec


def main(folder, ttl, *urls):
    os.environ.update(CONDA_PKGS_DIRS=folder, CONDA_LOCAL_REPODATA_TTL=ttl, CONDARC=os.devnull)
    conda = "conda" if find_spec("conda") else "conda_lock._vendor.conda"  # conda-lock brings a whole one along
    import_module(f"{conda}.base.context").reset_context(())
    data, channel = (import_module(f"{conda}.{name}") for name in ("core.subdir_data", "models.channel"))
    for url in urls:
        one = data.SubdirData(channel.Channel(url))
        print(json.dumps([str(one.cache_path_json), len(list(one.iter_records()))]))


if __name__ == "__main__":
    main(*sys.argv[1:])
