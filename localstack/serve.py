"""LocalStack itself, its objects below a folder of its own: `python -P serve.py FOLDER`, by LocalStack's interpreter.

LocalStack 4.12.0 keeps objects of more than 512 KiB below /tmp/localstack-s3-storage, whatever the environment says.
The folders of its buckets stay there, and deleting a bucket takes that of the same name from every other LocalStack.
"""

import sys

from localstack.runtime.main import main
from localstack.services.s3 import provider

provider.DEFAULT_S3_TMP_DIR = sys.argv.pop()
main()
