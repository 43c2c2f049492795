"""The microscope: documents about a store, their server, their pages as files, pictures made live."""
