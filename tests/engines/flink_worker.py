"""A worker process for a task manager of `flink_cluster`: what Beam's containers do when they start.

Child processes import this module again, so it imports nothing heavy by itself.
"""

import argparse
import os


def main() -> None:
    """Asks the task manager for the job's options and works for it until it says stop."""
    import grpc
    from apache_beam.portability.api.org.apache.beam.model.fn_execution.v1 import (
        beam_provision_api_pb2,
        beam_provision_api_pb2_grpc,
    )
    from apache_beam.runners.worker import sdk_worker_main
    from google.protobuf import json_format

    parser = argparse.ArgumentParser()
    parser.add_argument("--id")
    parser.add_argument("--provision_endpoint")
    args, _ = parser.parse_known_args()
    channel = grpc.insecure_channel(args.provision_endpoint)
    service = beam_provision_api_pb2_grpc.ProvisionServiceStub(channel)
    request = beam_provision_api_pb2.GetProvisionInfoRequest()
    info = service.GetProvisionInfo(request, metadata=[("worker_id", args.id)]).info
    os.environ |= {
        "WORKER_ID": args.id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": str(info.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": str(info.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }
    sdk_worker_main.main([])


if __name__ == "__main__":
    main()
