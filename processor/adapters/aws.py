"""Requests signed as AWS wants them (Signature Version 4).

Place in the flow: `app` gives it to `adapters/http` for an MLflow behind an AWS gateway. Whose
signature it is comes from where AWS programs look (environment, profile, the pod's or machine's
role); botocore finds it and renews it in time.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials, ReadOnlyCredentials
from botocore.exceptions import BotoCoreError
from botocore.session import Session


@dataclass(kw_only=True)
class AwsSignature:
    """The signature of each request to one service in one region."""

    region: str
    service: str
    _found: Credentials | None = field(default=None, init=False, repr=False)

    async def __call__(self, method: str, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers that sign a request.

        Raises OSError when AWS knows no credentials for this process.
        """
        try:
            credentials = await asyncio.to_thread(self._credentials)  # may ask the network
        except BotoCoreError as error:
            raise OSError(0, f"AWS: {error}") from None
        request = AWSRequest(method=method, url=url, data=body)
        SigV4Auth(credentials, self.service, self.region).add_auth(request)
        return {name: str(value) for name, value in request.headers.items()}

    def _credentials(self) -> ReadOnlyCredentials:
        """Return the keys that are valid now."""
        if self._found is None:
            self._found = Session().get_credentials()
        if self._found is None:
            reason = (
                "AWS: there are no credentials in the environment, a profile or a role; "
                "see its documentation of the default credential provider chain"
            )
            raise OSError(0, reason)
        return self._found.get_frozen_credentials()
