"""obstore (Rust, object_store): ``get_async`` and its stream into an open file; http as well as s3."""

from __future__ import annotations

import os

import obstore
from obstore.store import HTTPStore, S3Store

from benchmarks.programs.clock import CHUNK, Item, Job, by_workers, measured, run_loop


def _store(job: Job, url: str) -> tuple[object, str]:
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    if scheme == "s3":
        store = S3Store(
            host,
            endpoint=job.endpoint,
            access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
            secret_access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
            region=os.environ["AWS_DEFAULT_REGION"],
            virtual_hosted_style_request=False,
            client_options={"allow_http": True},
        )
        return store, path
    return HTTPStore.from_url(f"{scheme}://{host}/", client_options={"allow_http": True}), path


def fetch(job: Job, items: list[Item]) -> None:
    async def main() -> None:
        store, _ = _store(job, items[0].url)

        async def one(item: Item) -> None:
            path = item.url.partition("://")[2].partition("/")[2]
            answer = await obstore.get_async(store, path)
            with open(item.path, "wb") as file:
                async for chunk in answer.stream(min_chunk_size=CHUNK):
                    file.write(chunk)

        await by_workers(items, job.width, one)

    run_loop(main, job.loop)


if __name__ == "__main__":
    measured(fetch, obstore.__version__)
